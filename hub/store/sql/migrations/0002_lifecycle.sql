-- The life of a transfer.

CREATE INDEX transfer_of ON transfer(message, n);

-- what leases are timed by on one machine: hub/store/sql/clock.py
CREATE TABLE clock(
  boot TEXT NOT NULL PRIMARY KEY,   -- which start of the machine
  base INTEGER NOT NULL
) WITHOUT ROWID;

-- what a partner says later
ALTER TABLE transfer ADD COLUMN receipt_by INTEGER;               -- its receipt is awaited until then
ALTER TABLE transfer ADD COLUMN receipt_at INTEGER;               -- it came
ALTER TABLE transfer ADD COLUMN ask_at INTEGER;                   -- overdue: the partner is asked then, once
ALTER TABLE transfer ADD COLUMN overdue INTEGER NOT NULL DEFAULT 0;
CREATE INDEX transfer_receipt_by ON transfer(receipt_by) WHERE receipt_by IS NOT NULL;
CREATE INDEX transfer_ask_at ON transfer(ask_at) WHERE ask_at IS NOT NULL;

CREATE TABLE receipt(
  transfer TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL,           -- of the bytes that came
  said_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  state TEXT NOT NULL,            -- what the partner was answered
  raw BLOB NOT NULL
) WITHOUT ROWID;

-- partners' own numbers, where receipts may name them
CREATE TABLE theirs(
  dest INTEGER NOT NULL,
  reference TEXT NOT NULL,
  transfer TEXT NOT NULL,
  PRIMARY KEY(dest, reference, transfer)
) WITHOUT ROWID;

-- a transfer that was made in the stead of another: corrected, or routed again
ALTER TABLE transfer ADD COLUMN supersedes TEXT NOT NULL DEFAULT '';

-- when to look whether a dossier has become late
CREATE TABLE late(
  at INTEGER NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY(at, subject)
) WITHOUT ROWID;

-- dossiers that became part of another; their messages keep pointing at them
CREATE TABLE merged(
  id TEXT NOT NULL PRIMARY KEY,
  dossier TEXT NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX merged_into ON merged(dossier);

-- what was refused at the door: nothing of it but this
CREATE TABLE refusal(
  at INTEGER NOT NULL,
  request TEXT NOT NULL,
  sender TEXT NOT NULL,
  code TEXT NOT NULL,
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY(at, request)
) WITHOUT ROWID;
CREATE INDEX refusal_of ON refusal(sender, at);
