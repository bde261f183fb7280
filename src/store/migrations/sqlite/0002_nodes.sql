-- The node that wrote last. A file has one; a database on a server may have many.
ALTER TABLE totals ADD COLUMN writer TEXT NOT NULL DEFAULT '';

-- Large bodies of stores that nodes share: what a file beside the database is to a store of one node.
CREATE TABLE body_pieces (
  id    BLOB    NOT NULL,
  piece INTEGER NOT NULL,
  bytes BLOB    NOT NULL,
  PRIMARY KEY (id, piece)
) WITHOUT ROWID;

-- Work that nodes share, in parts: who has each part, and until when by the database's own clock (milliseconds
-- since 1970). On one node everything is its own, and nothing is written here.
CREATE TABLE leases (
  work   TEXT    NOT NULL,
  part   INTEGER NOT NULL,
  holder TEXT    NOT NULL,
  until  INTEGER NOT NULL,
  PRIMARY KEY (work, part)
) WITHOUT ROWID;

-- Nodes that want a share of some work, each alive until then.
CREATE TABLE nodes (
  work  TEXT    NOT NULL,
  node  TEXT    NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (work, node)
) WITHOUT ROWID;
