-- What is proved years later.

-- the journal as a chain (hub/evidence/chain.py), a few entries at a time, in the order in which they were seen
CREATE TABLE segment(
  n INTEGER NOT NULL PRIMARY KEY,     -- 1, 2, 3 …
  low INTEGER NOT NULL,               -- smallest and largest journal.seq in it; ranges of others may lie in its gaps
  high INTEGER NOT NULL,
  count INTEGER NOT NULL,
  at INTEGER NOT NULL,
  head BLOB NOT NULL,                 -- hash of its last entry
  entries BLOB NOT NULL               -- journal.seq (8 bytes) and hash (32) of each
);
CREATE INDEX segment_low ON segment(low);

-- digests over segments (hub/evidence/merkle.py), each with the time at which an authority says that it was there
CREATE TABLE root(
  last INTEGER NOT NULL PRIMARY KEY,  -- segments after the root before, up to this one
  first INTEGER NOT NULL,
  leaves INTEGER NOT NULL,
  digest BLOB NOT NULL,
  at INTEGER NOT NULL,
  token BLOB NOT NULL,                -- RFC 3161; empty where nobody stamps
  stamped_at INTEGER
);
CREATE INDEX root_stamped ON root(stamped_at) WHERE stamped_at IS NOT NULL;

-- the hub's signature over the receipt that it gave: a detached JWS
ALTER TABLE message ADD COLUMN confirmation TEXT NOT NULL DEFAULT '';
-- the partner's over the receipt that it brought, as it came
ALTER TABLE receipt ADD COLUMN signature TEXT NOT NULL DEFAULT '';
