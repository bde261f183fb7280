-- States of subjects as of their newest delivery, in the order in which they were written. A subject's row has a page of
-- its own, anywhere, and would be written with each delivery; so its state waits here, on a page that is written anyway,
-- and is brought to its row together with many others. Not more than some thousands.
CREATE TABLE late (
  n             INTEGER PRIMARY KEY,
  ref           INTEGER NOT NULL,
  last_delivery INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  state         TEXT    NOT NULL
);

-- Subjects as they stand, whatever of them is late.
CREATE VIEW standing AS
SELECT s.ref, s.id, s.kind, s.account, coalesce(l.state, s.state) AS state,
  coalesce(l.last_delivery, s.last_delivery) AS last_delivery
FROM subjects s LEFT JOIN late l ON l.n = (SELECT n FROM late WHERE ref = s.ref ORDER BY n DESC LIMIT 1);
