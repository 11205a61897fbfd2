-- What comparing a day with a partner found, who mended it, and who signed it off.

-- a version never changes
CREATE TABLE reconciliation(
  partner TEXT NOT NULL,
  day TEXT NOT NULL,                        -- of Vietnam, YYYY-MM-DD
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  source TEXT NOT NULL,                     -- list, receipts or hub
  digest TEXT NOT NULL,                     -- SHA-256 (hex) of the document
  document BLOB NOT NULL,
  PRIMARY KEY(partner, day, version)
) WITHOUT ROWID;
CREATE INDEX reconciliation_of_day ON reconciliation(day, partner);

CREATE TABLE reconciliation_fix(
  partner TEXT NOT NULL,
  day TEXT NOT NULL,
  version INTEGER NOT NULL,
  way TEXT NOT NULL,
  id TEXT NOT NULL,
  fix TEXT NOT NULL,
  at INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  approver TEXT NOT NULL,                   -- empty: nothing was done to a transfer
  reason TEXT NOT NULL,
  transfer TEXT NOT NULL,
  PRIMARY KEY(partner, day, version, way, id)
) WITHOUT ROWID;

CREATE TABLE reconciliation_signed(
  partner TEXT NOT NULL,
  day TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  digest TEXT NOT NULL,                     -- SHA-256 (hex) of the protocol
  signature TEXT NOT NULL,                  -- the hub's over it, a detached JWS; empty: unsigned
  protocol BLOB NOT NULL,
  PRIMARY KEY(partner, day, version)
) WITHOUT ROWID;
