-- Everything that one account knows of one subject (a signing request, mostly), as the state machine keeps it.
CREATE TABLE subjects (
  ref        INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  account    TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  updated_at INTEGER NOT NULL
);
-- By id first: a timeline asks for a signing request without knowing its accounts.
CREATE UNIQUE INDEX subjects_by_id ON subjects (id, kind, account);

-- One row for each authentic delivery, duplicates included. Times are nanoseconds since 1970.
CREATE TABLE deliveries (
  seq         INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL,
  source      TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  format      TEXT,
  event       TEXT,
  subject_ref INTEGER,
  outcome     TEXT    NOT NULL,
  reason      TEXT,
  body_bytes  INTEGER NOT NULL,
  changes     INTEGER NOT NULL
);
-- Ids are time-ordered, so this index only grows at its end.
CREATE UNIQUE INDEX deliveries_by_id ON deliveries (id);
CREATE INDEX deliveries_by_subject ON deliveries (subject_ref, seq) WHERE subject_ref IS NOT NULL;
CREATE INDEX deliveries_in_quarantine ON deliveries (seq) WHERE outcome = 'quarantined';

-- Headers and bytes as received, away from the rows that are listed. encoding: 0 plain, 1 LZ4, 2 in a file.
CREATE TABLE bodies (
  seq      INTEGER PRIMARY KEY,
  headers  TEXT    NOT NULL,
  encoding INTEGER NOT NULL,
  body     BLOB
);

-- The feed: every change, written once, published and read as it is.
CREATE TABLE changes (
  position    INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL,
  subject_ref INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,
  what        TEXT    NOT NULL,
  routing_key TEXT    NOT NULL,
  event_type  TEXT    NOT NULL,
  occurred_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  traceparent TEXT    NOT NULL,
  body        TEXT    NOT NULL
);
-- Subjects are numbered as they come, so the index is written where the living ones are.
CREATE UNIQUE INDEX changes_by_subject ON changes (subject_ref, sequence);

-- Changes that the broker has not confirmed yet.
CREATE TABLE outbox (
  position    INTEGER PRIMARY KEY,
  appended_at INTEGER NOT NULL
);

-- Ids of activities published: what makes the second delivery of one a duplicate.
CREATE TABLE activities_seen (
  id      BLOB    PRIMARY KEY,
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX activities_seen_by_time ON activities_seen (seen_at);

-- Signing requests to be fetched: one row each, however many changes wait for the answer.
CREATE TABLE enrichments (
  subject_ref  INTEGER PRIMARY KEY,
  due_at       INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  covers_after INTEGER NOT NULL,
  last_error   TEXT,
  traceparent  TEXT    NOT NULL
);
CREATE INDEX enrichments_by_due ON enrichments (due_at);

-- Counts that would be slow to count.
CREATE TABLE totals (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  accepted   INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  changes    INTEGER NOT NULL,
  subjects   INTEGER NOT NULL,
  settled    INTEGER NOT NULL
);
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);
