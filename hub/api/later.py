"""Refused now, welcome later: what 429 and 503 have in common."""

from __future__ import annotations

import math

from schemas.problems import Problem, Refusal


class Later(Refusal):
    """``wait``: whole seconds for Retry-After, one at least (RFC 9110 §10.2.3 has no fractions)."""

    def __init__(self, code: str, rule: str, wait: float) -> None:
        """``rule`` names the bound; ``wait`` in seconds, rounded up."""
        super().__init__(Problem(code=code, rule=rule))
        self.wait = max(1, math.ceil(wait))
