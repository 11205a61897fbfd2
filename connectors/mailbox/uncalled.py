"""A partner that nobody calls: it comes to the hub (``hub/api/mailbox.py``), so whoever calls it all the same has sent nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.contract import Deferred, Reason, Unsure

if TYPE_CHECKING:
    from connectors.contract import Outcome, Parcel


class Uncalled:
    async def deliver(self, _: Parcel) -> Outcome:
        return Deferred(reason=Reason(code="HUB-PAR-010", detail="mailbox"))

    async def find(self, _: Parcel) -> Outcome:
        return Unsure(reason=Reason(code="HUB-PAR-009", detail="mailbox"))

    async def close(self) -> None:
        """Nothing is open."""
