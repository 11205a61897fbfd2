-- Documents by reference. What is large lies in files (hub/store/blobs.py); here stands who needs them and their keys.
-- `sha256` is that of the content, hex. `secret` columns hold what hub/store/sql/bodies.py wrote under the owner's key.

-- files of payloads that are too large for their column
CREATE TABLE blob(
  name TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- content that is here, once, whoever holds it
CREATE TABLE document(
  sha256 TEXT NOT NULL PRIMARY KEY,
  file TEXT NOT NULL,
  size INTEGER NOT NULL,
  refs INTEGER NOT NULL CHECK(refs >= 0),  -- rows in hold
  idle_since INTEGER,                      -- when the last of them went
  at INTEGER NOT NULL,
  safety TEXT NOT NULL,                    -- checking, clean, infected
  finding TEXT NOT NULL DEFAULT '',
  checked_at INTEGER,
  next_check INTEGER,
  tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE UNIQUE INDEX document_file ON document(file);
CREATE INDEX document_idle ON document(idle_since) WHERE idle_since IS NOT NULL;
CREATE INDEX document_check ON document(next_check) WHERE next_check IS NOT NULL;
CREATE INDEX document_safety ON document(safety, sha256);

-- who may read it: an upload until a message claims it, then the dossier (or the message that has none)
CREATE TABLE hold(
  owner TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  sender TEXT NOT NULL,           -- the partner that brought it
  at INTEGER NOT NULL,
  secret BLOB NOT NULL,           -- the file's key, media type and name
  PRIMARY KEY(owner, sha256)
) WITHOUT ROWID;
CREATE INDEX hold_of ON hold(sha256, sender, at);

CREATE TABLE upload(
  id TEXT NOT NULL PRIMARY KEY,
  sender TEXT NOT NULL,
  sha256 TEXT NOT NULL,           -- as it was announced
  size INTEGER NOT NULL,
  received INTEGER NOT NULL,      -- on disk, whatever happens
  until INTEGER NOT NULL,
  done INTEGER NOT NULL,
  file TEXT NOT NULL,
  tail BLOB NOT NULL,             -- the received bytes that fill no piece of the file yet
  secret BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX upload_file ON upload(file);
CREATE INDEX upload_until ON upload(until);
CREATE INDEX upload_from ON upload(sender, id);

-- which documents a message names
CREATE TABLE enclosure(
  message TEXT NOT NULL,
  place TEXT NOT NULL,            -- documents/<number> or results/<number> of its dossier
  owner TEXT NOT NULL,
  sha256 TEXT NOT NULL,           -- empty while it is being fetched
  problem TEXT NOT NULL DEFAULT '',
  hopeless INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(message, place)
) WITHOUT ROWID;
CREATE INDEX enclosure_of ON enclosure(owner, sha256);

-- download addresses that stand in sealed bytes; their ids are kept as SHA-256 only
CREATE TABLE link(
  id TEXT NOT NULL PRIMARY KEY,
  transfer INTEGER NOT NULL,      -- transfer.n
  owner TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  grace INTEGER NOT NULL,         -- microseconds that it outlives its transfer
  secret BLOB NOT NULL,           -- media type and name
  downloads INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  last_at INTEGER
) WITHOUT ROWID;
CREATE INDEX link_of ON link(transfer);
CREATE INDEX link_to ON link(owner, sha256);

-- documents that the hub itself brings, from their sender's address, before anyone is sent them
CREATE TABLE fetching(
  upload TEXT NOT NULL PRIMARY KEY,       -- what it is brought into
  message TEXT NOT NULL,
  place TEXT NOT NULL,                    -- with message: the enclosure that waits for it
  owner TEXT NOT NULL,
  sender TEXT NOT NULL,
  url BLOB NOT NULL,
  wake_at INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX fetching_due ON fetching(sender, wake_at);
