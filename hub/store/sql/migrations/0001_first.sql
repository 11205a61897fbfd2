-- The schema of every engine, in SQLite's words for types; what only one engine has stands in its own folder.
-- Times are whole microseconds since 1970 in UTC. `n` is the store's own counter: it is the order of acceptance.
-- Payload columns (raw, canonical, payload, exchanges) hold what hub/store/sql/bodies.py wrote.

-- what was accepted ----------------------------------------------------------------------------------------------
CREATE TABLE dossier(
  id TEXT NOT NULL PRIMARY KEY,
  origin TEXT NOT NULL,
  version INTEGER NOT NULL,
  story BLOB NOT NULL
);

CREATE TABLE alias(
  code TEXT NOT NULL,
  authority TEXT NOT NULL,
  dossier TEXT NOT NULL,
  rank INTEGER NOT NULL,          -- 0: the code its origin wrote
  PRIMARY KEY(code, authority)
) WITHOUT ROWID;
CREATE INDEX alias_of ON alias(dossier, rank);

CREATE TABLE message(
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  sender TEXT NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  dossier TEXT,
  accepted_at INTEGER NOT NULL,
  parts INTEGER NOT NULL,         -- how many transfers it was accepted with
  media_type TEXT NOT NULL,
  headers TEXT NOT NULL,
  receipt BLOB NOT NULL,
  canonical BLOB NOT NULL,
  raw BLOB NOT NULL
);
CREATE UNIQUE INDEX message_id ON message(id);
CREATE INDEX message_from ON message(sender, n);
CREATE INDEX message_of ON message(dossier, n) WHERE dossier IS NOT NULL;

-- dedupe memory: written on acceptance only, outlives the message it points to
CREATE TABLE seen(
  sender TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY(sender, key)
) WITHOUT ROWID;

CREATE TABLE transfer(
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  message INTEGER NOT NULL,
  dest INTEGER NOT NULL,
  subject TEXT NOT NULL,          -- with dest: the lane
  operation TEXT NOT NULL,
  part INTEGER NOT NULL,
  key TEXT NOT NULL,
  stage TEXT NOT NULL,
  deadline INTEGER,
  state TEXT NOT NULL,            -- a claim does not touch it: who is leased is in doubt
  attempts INTEGER NOT NULL DEFAULT 0,
  sends INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  wake_at INTEGER,
  settled_at INTEGER,
  problem TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '',
  reference TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX transfer_id ON transfer(id);
CREATE INDEX transfer_by ON transfer(dest, state, n);
CREATE INDEX transfer_problem ON transfer(problem, n) WHERE problem <> '';

CREATE TABLE sealed(
  n INTEGER PRIMARY KEY,          -- transfer.n
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  headers TEXT NOT NULL,
  facts TEXT NOT NULL,
  payload BLOB NOT NULL
);

CREATE TABLE attempt(
  n INTEGER PRIMARY KEY,
  transfer INTEGER NOT NULL,
  number INTEGER NOT NULL,
  verb TEXT NOT NULL,
  outcome TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seconds REAL NOT NULL,
  exchanges BLOB NOT NULL
);
CREATE INDEX attempt_of ON attempt(transfer, number);

-- what a partner told about a dossier in earlier deliveries
CREATE TABLE told(
  subject TEXT NOT NULL,
  dest INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(subject, dest, name)
) WITHOUT ROWID;

CREATE TABLE journal(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  message TEXT NOT NULL,
  transfer TEXT NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX journal_of ON journal(message, seq) WHERE message <> '';

-- data keys; deleting the rows of an owner makes everything under them unreadable
CREATE TABLE datakey(
  id BLOB NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,            -- dossier id, or message id where there is no dossier
  wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX datakey_of ON datakey(owner);

-- the queue ------------------------------------------------------------------------------------------------------
CREATE TABLE dest(
  id INTEGER PRIMARY KEY,
  partner TEXT NOT NULL UNIQUE,
  concurrency INTEGER NOT NULL DEFAULT 1,
  rate REAL,
  burst INTEGER NOT NULL DEFAULT 1,
  order_sensitive INTEGER NOT NULL DEFAULT 1,
  paused INTEGER NOT NULL DEFAULT 0,
  circuit TEXT NOT NULL DEFAULT 'closed',
  circuit_until INTEGER,
  live_since INTEGER NOT NULL DEFAULT 0      -- tickets older than this are backlog of an outage
);
CREATE INDEX dest_circuit ON dest(circuit_until) WHERE circuit_until IS NOT NULL;

-- what every claim and settlement of a destination writes
CREATE TABLE dest_run(
  id INTEGER PRIMARY KEY,
  in_flight INTEGER NOT NULL DEFAULT 0 CHECK(in_flight >= 0),
  tokens REAL NOT NULL DEFAULT 0,
  tokens_at INTEGER NOT NULL DEFAULT 0
);

-- unfinished transfers that hold their place in a lane. The lane's ticket is named on its head:
-- shelf ready (class, at = since), wait (at = wake), stopped; while the lane is leased the shelf is the one it came from.
CREATE TABLE item(
  subject TEXT NOT NULL,
  dest INTEGER NOT NULL,
  n INTEGER NOT NULL,
  shelf TEXT,
  class INTEGER,
  at INTEGER,
  PRIMARY KEY(subject, dest, n)
) WITHOUT ROWID;

CREATE TABLE ready(
  dest INTEGER NOT NULL,
  class INTEGER NOT NULL,
  since INTEGER NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY(dest, class, since, subject)
) WITHOUT ROWID;

CREATE TABLE wait(
  wake INTEGER NOT NULL,
  dest INTEGER NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY(wake, dest, subject)
) WITHOUT ROWID;

CREATE TABLE stopped(
  dest INTEGER NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY(dest, subject)
) WITHOUT ROWID;

CREATE TABLE lease(
  token TEXT NOT NULL PRIMARY KEY,
  worker TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  body BLOB NOT NULL              -- who is leased: (transfer id, n, subject, dest)
) WITHOUT ROWID;
CREATE INDEX lease_until ON lease(until);

CREATE TABLE cnt(
  dest INTEGER NOT NULL,
  what TEXT NOT NULL,             -- a state, or: accepted, items, lanes
  n INTEGER NOT NULL,
  PRIMARY KEY(dest, what)
) WITHOUT ROWID;

CREATE VIEW counts AS SELECT dest, what, n FROM cnt;
