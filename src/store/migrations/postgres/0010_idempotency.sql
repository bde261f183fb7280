-- As migrations/sqlite/0010_idempotency.sql, in PostgreSQL's words; what it is for stands there.
CREATE TABLE idempotency (
  id            BYTEA  PRIMARY KEY,
  digest        BYTEA  NOT NULL,
  claim         BYTEA  NOT NULL,
  claimed_until BIGINT NOT NULL,
  begun_at      BIGINT NOT NULL,
  status        BIGINT,
  headers       TEXT,
  body          BYTEA
);
CREATE INDEX idempotency_by_time ON idempotency (begun_at);
