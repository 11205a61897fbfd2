-- Hubs below: who was invited, and whose certificate counts.

CREATE TABLE edge_invitation(
  id TEXT NOT NULL PRIMARY KEY,
  partner TEXT NOT NULL,
  proof_key TEXT NOT NULL,        -- SHA-256 of the code's secret; the code itself is nowhere
  made_at INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  used_at INTEGER
) WITHOUT ROWID;

-- a key is certified once: two hubs never have the same one
CREATE TABLE edge_certificate(
  fingerprint TEXT NOT NULL PRIMARY KEY,
  partner TEXT NOT NULL,
  key_digest TEXT NOT NULL UNIQUE,
  serial TEXT NOT NULL,
  pem TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  until INTEGER                   -- when it was taken out of use
) WITHOUT ROWID;
CREATE INDEX edge_certificate_of ON edge_certificate(partner);
