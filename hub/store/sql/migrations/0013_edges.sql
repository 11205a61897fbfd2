-- Other hubs: numbered, signed batches both ways.

-- what is known of the way to another hub and back
CREATE TABLE edge_link(
  partner TEXT NOT NULL PRIMARY KEY,
  out_epoch INTEGER NOT NULL DEFAULT 1,
  out_seq INTEGER NOT NULL DEFAULT 0,       -- the last batch that was made for it
  out_head TEXT NOT NULL,                   -- SHA-256 of its manifest
  out_acked INTEGER NOT NULL DEFAULT 0,     -- the last one that it acknowledged
  in_epoch INTEGER NOT NULL DEFAULT 1,
  in_seq INTEGER NOT NULL DEFAULT 0,        -- the last batch of its that was taken in
  in_head TEXT NOT NULL,
  opens INTEGER NOT NULL DEFAULT 0,         -- the epoch that it may begin, since a person readmitted it; 0: none
  stands TEXT NOT NULL DEFAULT '',          -- the code for which nothing of it is taken until a person readmits it
  detail TEXT NOT NULL DEFAULT '',
  stands_since INTEGER,
  met_at INTEGER,                           -- when both sides last heard each other
  tried_at INTEGER,
  error TEXT NOT NULL DEFAULT '',           -- why the last try failed; empty: it did not
  error_detail TEXT NOT NULL DEFAULT '',
  ahead REAL NOT NULL DEFAULT 0,            -- seconds that its clock is ahead of ours
  hub TEXT NOT NULL DEFAULT '',             -- what it calls itself
  software TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- batches as they were made or came; the entries' bytes are those of sealed transfers
CREATE TABLE edge_batch(
  partner TEXT NOT NULL,
  way TEXT NOT NULL,                        -- out, in
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  digest TEXT NOT NULL,                     -- SHA-256 of the manifest
  manifest BLOB NOT NULL,                   -- no personal data stands in it
  signature TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  done_at INTEGER,                          -- out: acknowledged; in: taken in
  refused TEXT NOT NULL DEFAULT '[]',       -- in: entries that were not taken, with the reasons
  PRIMARY KEY(partner, way, epoch, seq)
) WITHOUT ROWID;
CREATE INDEX edge_batch_done ON edge_batch(done_at) WHERE done_at IS NOT NULL;

-- transfers that stand in a batch which is not acknowledged yet
CREATE TABLE edge_entry(
  n INTEGER NOT NULL PRIMARY KEY,           -- transfer.n
  partner TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL
);
CREATE INDEX edge_entry_of ON edge_entry(partner, epoch, seq);
