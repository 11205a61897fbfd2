-- People who work at the hub's own pages.

-- officers of agencies without a system of their own; who signs in is known by its id everywhere else
CREATE TABLE officer(
  id TEXT NOT NULL PRIMARY KEY,
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  partner TEXT NOT NULL,
  password TEXT NOT NULL,         -- argon2id, with its parameters and salt
  added_at INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  failures INTEGER NOT NULL,      -- wrong passwords in a row
  locked_until INTEGER
) WITHOUT ROWID;

-- who is signed in; the session's token itself is nowhere, a restored store knows none
CREATE TABLE officer_session(
  digest TEXT NOT NULL PRIMARY KEY,
  officer TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX officer_session_of ON officer_session(officer);
