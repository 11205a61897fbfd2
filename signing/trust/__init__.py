"""Whom we believe, for how long, and what proves it."""
