-- Health of destinations.

-- claims from it so far: every fourth place is the backlog's, also where places come one at a time
ALTER TABLE dest_run ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
