"""Looking after a store: archives of it, going back to one, moving to another engine, pruning, changing its key."""
