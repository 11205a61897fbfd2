"""Whose signature counts as a hub's: certificates that stand in its partner's file, and those it was given when it enrolled or renewed.

While a hub changes its key two of them count; from its first signature by the newer one on only that does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

from signing.contract import Verified
from signing.keys.authority import fingerprint

if TYPE_CHECKING:
    from hub.edges.peers import Verify
    from hub.store.contract.enrolments import Enrolments

EVERY = 2.0
"""Seconds between two looks at what was issued and revoked."""

Make = Callable[[Sequence[bytes]], "Verify"]
"""Builds what verifies by these certificates (PEM), too."""


class Pinning:
    """What was issued, as known now. ``read`` it at the start and now and then; what ``verifier`` returns goes by the last reading."""

    def __init__(self, store: Enrolments | None) -> None:
        self._store = store
        self._issued: dict[str, tuple[bytes, ...]] = {}  # the latest first
        self._used: dict[str, datetime] = {}

    async def read(self) -> None:
        """Write down which newer certificate was used meanwhile, and look what counts now."""
        if self._store is None:
            return
        while self._used:
            await self._store.used(*self._used.popitem())
        found: dict[str, tuple[bytes, ...]] = {}
        for one in await self._store.certificates():
            if one.until is None:
                found[one.partner] = (*found.get(one.partner, ()), one.pem.encode())
        self._issued = found

    def verifier(self, partner: str, make: Make) -> Verify:
        """Return a verifier that follows what is issued to this partner."""
        built: dict[tuple[bytes, ...], Verify] = {(): make(())}

        def verify(body: bytes, signature: str, now: datetime) -> object:
            issued = self._issued.get(partner, ())
            if issued not in built:
                built.clear()
                built[issued] = make(issued)
            verified = built[issued](body, signature, now)
            if len(issued) > 1 and isinstance(verified, Verified):
                signer, newest = hashlib.sha256(verified.certificate).hexdigest(), fingerprint(issued[0])
                if signer == newest:
                    self._used[newest] = now
            return verified

        return verify


NOBODY = Pinning(None)
"""Nothing but what stands in the files."""
