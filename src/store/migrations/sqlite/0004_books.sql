-- When the broker first confirmed each change: a slim table that only grows at its end. A column of `changes` would
-- have each change written twice, body and all.
CREATE TABLE publications (
  position     INTEGER PRIMARY KEY,
  published_at INTEGER NOT NULL
);

-- When the transaction of a delivery was written; not known of older ones.
ALTER TABLE deliveries ADD COLUMN stored_at INTEGER;

-- The books: counts beside those of `totals`, kept in the same transactions as what they count.
CREATE TABLE books (
  one               INTEGER PRIMARY KEY CHECK (one = 1),
  quarantined       INTEGER NOT NULL,
  released          INTEGER NOT NULL,
  dropped           INTEGER NOT NULL,
  deliveries_pruned INTEGER NOT NULL,
  told              INTEGER NOT NULL,
  told_pruned       INTEGER NOT NULL,
  enriched          INTEGER NOT NULL,
  replayed          INTEGER NOT NULL,
  changes_pruned    INTEGER NOT NULL,
  -- No change up to this position need be there any more.
  pruned_to         INTEGER NOT NULL,
  put_back          INTEGER NOT NULL,
  published         INTEGER NOT NULL,
  published_again   INTEGER NOT NULL,
  fetches           INTEGER NOT NULL,
  -- When changes up to this position were published was not written down.
  since             INTEGER NOT NULL
);

-- What was counted before this step is taken as it stands: the books begin balanced.
INSERT INTO books
SELECT 1, d.last - t.accepted - t.duplicates, d.released,
  d.last - t.accepted - t.duplicates - d.released - d.quarantine, d.last - d.n,
  t.changes - c.enriched, t.changes - c.enriched - d.changes, c.enriched, 0, t.changes - c.n,
  CASE WHEN t.changes > c.n THEN c.last ELSE 0 END, t.settled + o.n - t.changes, t.settled, 0,
  c.enriched + e.n, c.last
FROM totals t,
  (SELECT coalesce(max(seq), 0) AS last, count(*) AS n, CAST(coalesce(sum(changes), 0) AS BIGINT) AS changes,
     count(CASE WHEN outcome = 'released' THEN 1 END) AS released,
     count(CASE WHEN outcome = 'quarantined' THEN 1 END) AS quarantine FROM deliveries) d,
  (SELECT coalesce(max(position), 0) AS last, count(*) AS n,
     count(CASE WHEN event_type = 'countersign.signing_request.enriched.v1' THEN 1 END) AS enriched FROM changes) c,
  (SELECT count(*) AS n FROM outbox) o,
  (SELECT count(*) AS n FROM enrichments) e;
