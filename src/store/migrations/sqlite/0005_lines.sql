-- The deliveries of a subject stand in a line: its row knows the newest, and each knows the one before it (0 where there
-- is none). An index by subject would have one more page, anywhere, written with each delivery. Changes keep theirs:
-- were one lost, those before it must still be found.
ALTER TABLE deliveries ADD COLUMN previous INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subjects ADD COLUMN last_delivery INTEGER NOT NULL DEFAULT 0;

UPDATE deliveries SET previous = coalesce((SELECT d.seq FROM deliveries d
  WHERE d.subject_ref = deliveries.subject_ref AND d.seq < deliveries.seq ORDER BY d.seq DESC LIMIT 1), 0)
WHERE subject_ref IS NOT NULL;
UPDATE subjects SET last_delivery = coalesce((SELECT d.seq FROM deliveries d
  WHERE d.subject_ref = subjects.ref ORDER BY d.seq DESC LIMIT 1), 0);

DROP INDEX deliveries_by_subject;
