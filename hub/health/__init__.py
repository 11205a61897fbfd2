"""Whether and when a partner is sent to: its breaker, its hours, its schedule. Pure; the store keeps their state."""
