"""Claim → seal → ask or send → decide → record: how a copy gets to its recipient, once, in order."""
