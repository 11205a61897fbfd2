-- What is known about certificates. Fingerprints are SHA-256, hex.

-- what its authority last said of each (hub/trust/contract.py)
CREATE TABLE standing(
  fingerprint TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,            -- good, revoked, unknown
  revoked_at INTEGER,
  heard_at INTEGER,               -- when the answer came that counts
  valid_until INTEGER,            -- how long it counts
  tried_at INTEGER,
  problem TEXT NOT NULL,          -- why the last try brought nothing
  source TEXT NOT NULL,
  answer BLOB NOT NULL            -- an OCSP response or a revocation list, as it came
) WITHOUT ROWID;

-- taken out of use by a person
CREATE TABLE barred(
  fingerprint TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  since INTEGER NOT NULL,         -- what it signed from then on is not believed
  at INTEGER NOT NULL,
  barred_by TEXT NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID;
