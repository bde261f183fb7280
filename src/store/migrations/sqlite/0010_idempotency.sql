-- Answers kept for the keys under which they were asked for (Idempotency-Key). A row without an answer is a claim: its
-- request is under way, or its process ended meanwhile; once its time is over, another may take it.
CREATE TABLE idempotency (
  -- SHA-256 of who asks, of which account, at which path, and the key.
  id            BLOB    PRIMARY KEY,
  -- SHA-256 of all else that was asked: another request must not have this one's answer.
  digest        BLOB    NOT NULL,
  claim         BLOB    NOT NULL,
  claimed_until INTEGER NOT NULL,
  begun_at      INTEGER NOT NULL,
  status        INTEGER,
  headers       TEXT,
  -- None where it was too large to be kept.
  body          BLOB
);
CREATE INDEX idempotency_by_time ON idempotency (begun_at);
