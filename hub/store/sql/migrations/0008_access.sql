-- Who came in, and by what.

-- access tokens that clients were given; the token itself is nowhere, a restored store knows none
CREATE TABLE access_token(
  digest TEXT NOT NULL PRIMARY KEY,
  partner TEXT NOT NULL,
  client TEXT NOT NULL,
  secret TEXT NOT NULL,           -- SHA-256 of the secret that it was given for: who loses that loses this
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX access_token_of ON access_token(partner, client, issued_at);

-- how often each credential was used, and when last
CREATE TABLE credential_use(
  partner TEXT NOT NULL,
  way TEXT NOT NULL,
  label TEXT NOT NULL,
  uses INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY(partner, way, label)
) WITHOUT ROWID;
