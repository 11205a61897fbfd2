-- Several hubs with one dossier: what each message means, in which order every hub tells it, and what all of them agree on.

-- one row for each message about a dossier that has a number (hub/story/tellings.py): codes, states and times; never personal data
CREATE TABLE telling(
  dossier TEXT NOT NULL,
  hub TEXT NOT NULL,              -- which accepted it first
  no INTEGER NOT NULL,            -- that hub's running number within the dossier
  message TEXT NOT NULL,          -- its id here
  telling BLOB NOT NULL,
  aside TEXT NOT NULL,            -- why it does not count, as JSON (hub/story/merging.py); empty: it does
  PRIMARY KEY(dossier, hub, no)
) WITHOUT ROWID;

-- what was known of a dossier before anything of it had a number: told first, and never anew
CREATE TABLE prefix(
  dossier TEXT NOT NULL PRIMARY KEY,
  story BLOB NOT NULL
) WITHOUT ROWID;

-- SHA-256 of what all hubs with the same messages agree on (hub/story/truth.py); empty while nothing of it has a number
ALTER TABLE dossier ADD COLUMN truth TEXT NOT NULL DEFAULT '';
