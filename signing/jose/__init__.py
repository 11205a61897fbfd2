"""Signed JSON and signed requests (RFC 7515)."""
