-- As migrations/sqlite/0009_tokens.sql, in PostgreSQL's words; what it is for stands there.
CREATE TABLE tokens (
  id           BYTEA  PRIMARY KEY,
  name         TEXT   NOT NULL,
  digest       BYTEA  NOT NULL,
  scope        TEXT   NOT NULL,
  accounts     TEXT   NOT NULL,
  made_by      BYTEA,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT,
  revoked_at   BIGINT,
  last_used_at BIGINT
);

CREATE TABLE token_list (version BIGINT NOT NULL);
INSERT INTO token_list VALUES (0);
