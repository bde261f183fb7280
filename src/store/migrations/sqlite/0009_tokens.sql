-- Tokens of the HTTP API: what each may do, and a digest of what was given out.
CREATE TABLE tokens (
  id           BLOB    PRIMARY KEY,
  name         TEXT    NOT NULL,
  -- SHA-256: the text has 256 random bits, so that nothing slower is needed.
  digest       BLOB    NOT NULL,
  -- 'read', 'write' or 'admin'.
  scope        TEXT    NOT NULL,
  -- DocuSign's ids of the accounts that it is for, as a JSON list; of all accounts where that is empty.
  accounts     TEXT    NOT NULL,
  -- The token that made it.
  made_by      BLOB,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  last_used_at INTEGER
) WITHOUT ROWID;

-- Grows with each token that is made or revoked: by it a node sees that its list is no longer the present one.
CREATE TABLE token_list (version INTEGER NOT NULL);
INSERT INTO token_list VALUES (0);
