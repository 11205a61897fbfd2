-- What is given to the hubs below, what came from the one above, and what those below report.

-- files of versions by their hash; none is ever removed
CREATE TABLE replica_file(
  sha256 TEXT NOT NULL PRIMARY KEY,
  content BLOB NOT NULL
) WITHOUT ROWID;

-- versions of this hub and of the one above; a version never changes
CREATE TABLE replica_version(
  hub TEXT NOT NULL,
  number INTEGER NOT NULL,
  digest TEXT NOT NULL,                     -- SHA-256 of the manifest
  made_at INTEGER NOT NULL,
  from_day TEXT NOT NULL,
  manifest BLOB NOT NULL,
  signature TEXT NOT NULL,
  set_by TEXT NOT NULL,                     -- who published it; of the hub above: empty
  reason TEXT NOT NULL,
  came_at INTEGER NOT NULL,
  stands_at INTEGER,                        -- since when it is laid out here
  PRIMARY KEY(hub, number)
) WITHOUT ROWID;

-- the last that each hub below told of itself
CREATE TABLE edge_report(
  partner TEXT NOT NULL PRIMARY KEY,
  heard_at INTEGER NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID;

-- hubs below whose agencies were taken over
CREATE TABLE edge_succession(
  partner TEXT NOT NULL PRIMARY KEY,
  agency TEXT NOT NULL,
  heir TEXT NOT NULL,                       -- the agency that takes over
  begins TEXT NOT NULL,                     -- the first day on which it does
  drains TEXT NOT NULL,                     -- the last day on which what was said before is still taken
  at INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID;
