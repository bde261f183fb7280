-- As migrations/sqlite/0005_lines.sql, in PostgreSQL's words; what it is for stands there.
ALTER TABLE deliveries ADD COLUMN previous BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subjects ADD COLUMN last_delivery BIGINT NOT NULL DEFAULT 0;

UPDATE deliveries SET previous = coalesce((SELECT d.seq FROM deliveries d
  WHERE d.subject_ref = deliveries.subject_ref AND d.seq < deliveries.seq ORDER BY d.seq DESC LIMIT 1), 0)
WHERE subject_ref IS NOT NULL;
UPDATE subjects SET last_delivery = coalesce((SELECT d.seq FROM deliveries d
  WHERE d.subject_ref = subjects.ref ORDER BY d.seq DESC LIMIT 1), 0);

DROP INDEX deliveries_by_subject;
