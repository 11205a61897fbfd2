"""The hub's own settings, typed and closed."""
