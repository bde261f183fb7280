-- The chain of evidence: one row a record, in the order in which they were chained. `record` is what was digested,
-- `link` the digest over it and the link before; `kind` only finds checkpoints (4) quickly.
CREATE TABLE evidence (
  number BIGINT PRIMARY KEY,
  kind   BIGINT NOT NULL,
  record BYTEA  NOT NULL,
  link   BYTEA  NOT NULL
);
CREATE INDEX evidence_checkpoints ON evidence (number) WHERE kind = 4;

-- The number of the record of a delivery's receipt; 0 for those that came in before there was a chain.
ALTER TABLE deliveries ADD COLUMN evidence BIGINT NOT NULL DEFAULT 0;
