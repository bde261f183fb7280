-- The node that wrote last: another one's memory is stale after that.
ALTER TABLE totals ADD COLUMN writer TEXT NOT NULL DEFAULT '';

-- Large bodies in pieces, so that any node can read them and none needs one whole in memory.
CREATE TABLE body_pieces (
  id    BYTEA  NOT NULL,
  piece BIGINT NOT NULL,
  bytes BYTEA  NOT NULL,
  PRIMARY KEY (id, piece)
);
ALTER TABLE body_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Work that nodes share, in parts: who has each part, and until when by the database's own clock (milliseconds
-- since 1970).
CREATE TABLE leases (
  work   TEXT   NOT NULL,
  part   BIGINT NOT NULL,
  holder TEXT   NOT NULL,
  until  BIGINT NOT NULL,
  PRIMARY KEY (work, part)
);

-- Nodes that want a share of some work, each alive until then.
CREATE TABLE nodes (
  work  TEXT   NOT NULL,
  node  TEXT   NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (work, node)
);

INSERT INTO leases SELECT work, part, '', 0 FROM (VALUES ('relay'), ('enrich')) AS works (work), generate_series(0, 31) AS parts (part);
INSERT INTO leases VALUES ('keep', 0, '', 0);
