-- Accounts of DocuSign's that users linked: how to call each, and whether that works.
CREATE TABLE accounts (
  id            TEXT    PRIMARY KEY,
  -- DocuSign's id, once it is known: an account is linked once.
  account       TEXT,
  name          TEXT,
  tenant        TEXT    NOT NULL,
  user_id       TEXT,
  base_uri      TEXT,
  -- How tokens are had: 'code' or 'jwt'.
  access        TEXT    NOT NULL,
  -- 'connecting', 'active', 'needs_reauth' or 'validation_error', and why.
  state         TEXT    NOT NULL,
  reason        TEXT,
  -- Sealed; none for 'jwt'.
  credentials   BLOB,
  refreshed_at  INTEGER,
  -- Grows with each change of the credentials.
  version       INTEGER NOT NULL,
  -- Who is exchanging the refresh token, and until when others leave that to them.
  claimed_by    TEXT,
  claimed_until INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
);
CREATE UNIQUE INDEX accounts_by_account ON accounts (account) WHERE account IS NOT NULL;

-- Leave to link one account, as a digest of the token that was given out.
CREATE TABLE links (
  digest      BLOB    PRIMARY KEY,
  tenant      TEXT    NOT NULL,
  account     TEXT,
  integrated  TEXT,
  redirect_to TEXT,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER
) WITHOUT ROWID;

-- Users on their way to DocuSign and back; each row is taken once.
CREATE TABLE authorizations (
  state      BLOB    PRIMARY KEY,
  link       BLOB    NOT NULL,
  browser    BLOB    NOT NULL,
  -- Sealed.
  secret     BLOB    NOT NULL,
  integrated TEXT,
  -- The accounts among which the user chooses, as JSON.
  choices    TEXT,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Changes that tell of a linked account, which no delivery made.
ALTER TABLE books ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;
