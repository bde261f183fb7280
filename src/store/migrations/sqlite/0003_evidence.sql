-- The chain of evidence: one row a record, in the order in which they were chained. `record` is what was digested,
-- `link` the digest over it and the link before; `kind` only finds checkpoints (4) quickly.
CREATE TABLE evidence (
  number INTEGER PRIMARY KEY,
  kind   INTEGER NOT NULL,
  record BLOB    NOT NULL,
  link   BLOB    NOT NULL
);
CREATE INDEX evidence_checkpoints ON evidence (number) WHERE kind = 4;

-- The number of the record of a delivery's receipt; 0 for those that came in before there was a chain.
ALTER TABLE deliveries ADD COLUMN evidence INTEGER NOT NULL DEFAULT 0;
