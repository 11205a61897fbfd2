-- Figures: what they are counted from, why dossiers are late, and what was published.

-- what figures know of each accepted message (hub/figures/facts.py): codes, states, times, money; never personal data. Those of messages that
-- are set aside (telling) do not count while they are
CREATE TABLE fact(
  n INTEGER PRIMARY KEY,
  dossier TEXT NOT NULL,
  message TEXT NOT NULL,          -- empty: brought in at a cut-over
  known_at INTEGER NOT NULL,      -- when the hub accepted it
  fact BLOB NOT NULL
);
CREATE INDEX fact_of ON fact(dossier);

-- why a dossier is late: what was proposed, and what was accepted; the last accepted one counts
CREATE TABLE late_reason(
  n INTEGER PRIMARY KEY,
  dossier TEXT NOT NULL,
  what TEXT NOT NULL,             -- proposed, accepted
  at INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  unit TEXT NOT NULL,             -- who is responsible
  reason TEXT NOT NULL
);

-- what was published: editions never change; edition 1 is the report, those after it restate it
CREATE TABLE publication(
  id TEXT NOT NULL,
  edition INTEGER NOT NULL,
  at INTEGER NOT NULL,
  known_at INTEGER NOT NULL,      -- by what was known then
  digest TEXT NOT NULL,           -- SHA-256 of the document, hex
  signature TEXT NOT NULL,        -- the hub's over it: a detached JWS; empty where it has no key for that
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  document BLOB NOT NULL,
  behind BLOB NOT NULL,           -- the dossiers behind each figure; its digest stands in the document
  PRIMARY KEY(id, edition)
) WITHOUT ROWID;
