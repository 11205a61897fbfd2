-- Both sides of a partner and a day compared.

-- what was said on a day: so that counting it costs what that day holds, however long the hub has run
CREATE INDEX message_at ON message(accepted_at, n);

-- receipts that turned out to say what was not so: their transfers were sent again
CREATE TABLE receipt_before(
  transfer TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  digest TEXT NOT NULL,
  said_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  raw BLOB NOT NULL,
  signature TEXT NOT NULL,
  PRIMARY KEY(transfer, received_at)
) WITHOUT ROWID;
