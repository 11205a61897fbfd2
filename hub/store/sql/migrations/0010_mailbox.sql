-- What lies where its partner fetches it.

ALTER TABLE dest ADD COLUMN offers INTEGER NOT NULL DEFAULT 0;            -- 1: it fetches what is for it; nothing is sent there
ALTER TABLE transfer ADD COLUMN offered_at INTEGER;                       -- since when it lies there; NULL: it does not
ALTER TABLE transfer ADD COLUMN fetched_at INTEGER;                       -- when it was fetched first
CREATE INDEX transfer_offered ON transfer(dest, offered_at, n) WHERE offered_at IS NOT NULL;
CREATE INDEX transfer_unfetched ON transfer(dest, offered_at) WHERE offered_at IS NOT NULL AND state='waiting';
