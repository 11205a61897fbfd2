-- Health of destinations.

-- live transfers taken since the backlog of an outage had its turn: it has one after three, also where places come one at a time
ALTER TABLE dest_run ADD COLUMN in_a_row INTEGER NOT NULL DEFAULT 0;

-- the breaker (hub/health/circuit.py). A whole one has no failures and no places, so that a success of a healthy partner writes nothing
ALTER TABLE dest_run ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dest_run ADD COLUMN places INTEGER;            -- how many may be under way while it comes back
ALTER TABLE dest ADD COLUMN circuit_after INTEGER NOT NULL DEFAULT 5;
ALTER TABLE dest ADD COLUMN circuit_waits TEXT NOT NULL DEFAULT '[30.0,60.0,300.0,900.0]';
ALTER TABLE dest ADD COLUMN circuit_code TEXT NOT NULL DEFAULT '';
ALTER TABLE dest ADD COLUMN circuit_since INTEGER;         -- when this outage began
ALTER TABLE dest ADD COLUMN trips INTEGER NOT NULL DEFAULT 0;

-- declared hours: shut until `opens`, then open until `closes`, then shut until a worker writes the next window
ALTER TABLE dest ADD COLUMN opens INTEGER;
ALTER TABLE dest ADD COLUMN closes INTEGER;
CREATE INDEX dest_opens ON dest(opens) WHERE opens IS NOT NULL;
