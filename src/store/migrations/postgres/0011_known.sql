-- As migrations/sqlite/0011_known.sql.
CREATE INDEX subjects_by_account ON subjects (account, ref);
