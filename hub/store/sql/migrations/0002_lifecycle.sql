-- The life of a transfer.

CREATE INDEX transfer_of ON transfer(message, n);
