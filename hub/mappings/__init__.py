"""Versions of mappings: who approved which, and what a new one would have said."""
