"""What every value of the seam is."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""
