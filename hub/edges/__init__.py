"""Other hubs: what is relayed to them, batches both ways, and what happens when two do not agree any more."""
