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
