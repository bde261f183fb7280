-- As migrations/sqlite/0001_line.sql, in PostgreSQL's words; what a table is for stands there.
CREATE TABLE subjects (
  ref        BIGINT PRIMARY KEY,
  id         TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  account    TEXT   NOT NULL,
  state      TEXT   NOT NULL,
  updated_at BIGINT NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX subjects_by_id ON subjects (id, kind, account);

CREATE TABLE deliveries (
  seq         BIGINT PRIMARY KEY,
  id          BYTEA  NOT NULL,
  source      TEXT   NOT NULL,
  received_at BIGINT NOT NULL,
  format      TEXT,
  event       TEXT,
  subject_ref BIGINT,
  outcome     TEXT   NOT NULL,
  reason      TEXT,
  body_bytes  BIGINT NOT NULL,
  changes     BIGINT NOT NULL
);
CREATE UNIQUE INDEX deliveries_by_id ON deliveries (id);
CREATE INDEX deliveries_by_subject ON deliveries (subject_ref, seq) WHERE subject_ref IS NOT NULL;
CREATE INDEX deliveries_in_quarantine ON deliveries (seq) WHERE outcome = 'quarantined';

CREATE TABLE bodies (
  seq      BIGINT PRIMARY KEY,
  headers  TEXT   NOT NULL,
  encoding BIGINT NOT NULL,
  body     BYTEA
);
-- Compressed already.
ALTER TABLE bodies ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE changes (
  position    BIGINT PRIMARY KEY,
  id          BYTEA  NOT NULL,
  subject_ref BIGINT NOT NULL,
  sequence    BIGINT NOT NULL,
  what        TEXT   NOT NULL,
  routing_key TEXT   NOT NULL,
  event_type  TEXT   NOT NULL,
  occurred_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  traceparent TEXT   NOT NULL,
  body        TEXT   NOT NULL
);
CREATE UNIQUE INDEX changes_by_subject ON changes (subject_ref, sequence);

-- Emptied as fast as it is filled: vacuumed often, or its dead rows are walked by every look at what waits.
CREATE TABLE outbox (
  position    BIGINT PRIMARY KEY,
  appended_at BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE activities_seen (
  id      BYTEA  PRIMARY KEY,
  seen_at BIGINT NOT NULL
);
CREATE INDEX activities_seen_by_time ON activities_seen (seen_at);

CREATE TABLE enrichments (
  subject_ref  BIGINT PRIMARY KEY,
  due_at       BIGINT NOT NULL,
  attempts     BIGINT NOT NULL,
  covers_after BIGINT NOT NULL,
  last_error   TEXT,
  traceparent  TEXT   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX enrichments_by_due ON enrichments (due_at);

CREATE TABLE totals (
  one        BIGINT PRIMARY KEY CHECK (one = 1),
  accepted   BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  changes    BIGINT NOT NULL,
  subjects   BIGINT NOT NULL,
  settled    BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);
