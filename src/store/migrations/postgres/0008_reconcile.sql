-- As migrations/sqlite/0008_reconcile.sql, in PostgreSQL's words; what it is for stands there.
CREATE TABLE reconciled (
  account TEXT PRIMARY KEY,
  since   BIGINT NOT NULL,
  reached BIGINT NOT NULL
);

CREATE TABLE reconcile_runs (
  id         BYTEA PRIMARY KEY,
  started_at BIGINT NOT NULL,
  report     TEXT NOT NULL
);
CREATE INDEX reconcile_runs_by_start ON reconcile_runs (started_at);
