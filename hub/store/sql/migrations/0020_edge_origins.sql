-- Through which hub below each hub's messages come: whoever brought its first one brings all of them.
CREATE TABLE edge_origin(
  hub TEXT NOT NULL PRIMARY KEY,  -- the code in its stamps
  partner TEXT NOT NULL,
  since INTEGER NOT NULL
) WITHOUT ROWID;
