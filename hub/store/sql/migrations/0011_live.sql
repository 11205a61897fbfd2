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
