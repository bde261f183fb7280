-- How far each account has been reconciled. Nothing from before `since` is looked for: that is when the account was
-- first known here.
CREATE TABLE reconciled (
  account TEXT PRIMARY KEY,
  since   INTEGER NOT NULL,
  reached INTEGER NOT NULL
);

-- Reports of the newest runs.
CREATE TABLE reconcile_runs (
  id         BLOB PRIMARY KEY,
  started_at INTEGER NOT NULL,
  report     TEXT NOT NULL
);
CREATE INDEX reconcile_runs_by_start ON reconcile_runs (started_at);
