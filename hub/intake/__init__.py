"""Receive → judge → decide → accept: the only way in."""
