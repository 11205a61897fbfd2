-- Going live.

-- how far a partner is with a procedure; the last row of each counts, and the highest number is what a decision was made on
CREATE TABLE stage(
  n INTEGER PRIMARY KEY,
  partner TEXT NOT NULL,
  procedure TEXT NOT NULL,        -- national or local code; empty: all that are not named
  stage TEXT NOT NULL,            -- empty: what the partner's file says
  at INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX stage_of ON stage(partner, procedure, n);

CREATE INDEX transfer_trial ON transfer(dest, state) WHERE stage='trial';

-- what moved between a partner and the hub, by the unit that received the dossier and its procedure; caught up from time to time
-- (hub/store/sql/activity.py), so that taking a message in costs nothing more. Trials are not in it.
CREATE TABLE activity(
  partner TEXT NOT NULL,
  unit TEXT NOT NULL,
  procedure TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY(partner, unit, procedure)
) WITHOUT ROWID;

-- what was published to whom: versions never change
CREATE TABLE catalogue(
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  effective TEXT NOT NULL,        -- the first day, ISO
  at INTEGER NOT NULL,
  digest TEXT NOT NULL,           -- SHA-256 of the document, hex
  signature TEXT NOT NULL,        -- the hub's over it: a detached JWS; empty where it has no key for that
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  document BLOB NOT NULL,
  PRIMARY KEY(id, version)
) WITHOUT ROWID;
CREATE TABLE catalogue_had(
  partner TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  PRIMARY KEY(partner, id, version)
) WITHOUT ROWID;
-- what was brought to partners, each version once; what became of it stays when the transfer is forgotten
CREATE TABLE catalogue_push(
  partner TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  transfer TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  delivered_at INTEGER,
  receipt_at INTEGER,             -- the partner's own receipt proves it
  PRIMARY KEY(partner, id, version)
) WITHOUT ROWID;
