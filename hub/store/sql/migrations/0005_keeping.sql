-- What is kept, and for how long.

-- what the keepers remember: the hub's own name, the last backup, how far each stage of pruning came
CREATE TABLE keeping(
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;

-- what a stage of pruning passed by because something of it was not delivered, or ended late: when to look again
CREATE TABLE later(
  stage TEXT NOT NULL,
  look_at INTEGER NOT NULL,
  n INTEGER NOT NULL,             -- message.n, or journal.seq
  PRIMARY KEY(stage, look_at, n)
) WITHOUT ROWID;

-- who does what only one in the cluster may do, until when
CREATE TABLE chore(
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX seen_of ON seen(message);   -- ids grow, so does this, at its end
-- who works: one row for each living process; `counts` grow for as long as it lives
CREATE TABLE process(
  id TEXT NOT NULL PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  role TEXT NOT NULL,
  version TEXT NOT NULL,
  since INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  gauges TEXT NOT NULL,
  counts TEXT NOT NULL
) WITHOUT ROWID;

-- what the processes had counted that are gone
CREATE TABLE counted(
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY(name, labels)
) WITHOUT ROWID;

-- what was let in of each sender on its last day; `transfers` never starts again
CREATE TABLE sender_use(
  sender TEXT NOT NULL PRIMARY KEY,
  day TEXT NOT NULL,
  requests INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  octets INTEGER NOT NULL,
  transfers INTEGER NOT NULL,
  unfinished INTEGER NOT NULL DEFAULT 0,     -- as last counted,
  counted_with INTEGER NOT NULL DEFAULT 0    -- when `transfers` was this
) WITHOUT ROWID;

-- the last word of each continuous check
CREATE TABLE verdict(
  name TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,                -- when it was last said
  since INTEGER NOT NULL,             -- when it became so
  seconds REAL NOT NULL,
  broken TEXT NOT NULL
) WITHOUT ROWID;
