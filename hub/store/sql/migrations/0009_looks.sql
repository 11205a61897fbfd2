-- What the signatures in a document are worth.

ALTER TABLE document ADD COLUMN look_at INTEGER DEFAULT 0;                 -- when somebody looks at its signatures; NULL: somebody has
ALTER TABLE document ADD COLUMN look TEXT NOT NULL DEFAULT '';            -- what was seen; names nobody
CREATE INDEX document_look ON document(look_at) WHERE look_at IS NOT NULL;
