-- As migrations/sqlite/0004_books.sql, in PostgreSQL's words; what a table is for stands there.
CREATE TABLE publications (
  position     BIGINT PRIMARY KEY,
  published_at BIGINT NOT NULL
);

ALTER TABLE deliveries ADD COLUMN stored_at BIGINT;

CREATE TABLE books (
  one               BIGINT PRIMARY KEY CHECK (one = 1),
  quarantined       BIGINT NOT NULL,
  released          BIGINT NOT NULL,
  dropped           BIGINT NOT NULL,
  deliveries_pruned BIGINT NOT NULL,
  told              BIGINT NOT NULL,
  told_pruned       BIGINT NOT NULL,
  enriched          BIGINT NOT NULL,
  replayed          BIGINT NOT NULL,
  changes_pruned    BIGINT NOT NULL,
  pruned_to         BIGINT NOT NULL,
  put_back          BIGINT NOT NULL,
  published         BIGINT NOT NULL,
  published_again   BIGINT NOT NULL,
  fetches           BIGINT NOT NULL,
  since             BIGINT NOT NULL
);

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
