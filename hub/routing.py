"""Which partners must have a message."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Literal

import msgspec

Stage = Literal["trial", "parallel", "live", "retired"]
PartyRole = Literal["decides", "informed"]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Party(Value, frozen=True):
    """One partner as routing sees it.

    ``agency``: its code in either form. ``kinds``: message kinds it takes; empty when it never receives.
    ``sends``: kinds that its own system tells; empty when it never sends. ``stage`` counts where ``stages`` (by national
    or local procedure code) has no entry.
    """

    partner_id: str
    agency: str
    room: str = ""
    role: PartyRole = "decides"
    kinds: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    stage: Stage = "live"
    stages: Mapping[str, Stage] = {}
