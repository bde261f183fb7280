-- As migrations/sqlite/0006_late.sql: here nothing is late, since each node reads what others wrote.
CREATE VIEW standing AS SELECT ref, id, kind, account, state, last_delivery FROM subjects;
