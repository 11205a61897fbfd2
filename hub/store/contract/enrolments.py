"""Hubs below: who was invited, and whose certificate counts."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Protocol

from hub.store.contract.value import Value


class Invitation(Value, frozen=True):
    """``id``: what the code is called; ``key``: what proves it, hex. The code itself is nowhere."""

    id: str
    partner: str
    key: str
    made_at: datetime
    made_by: str
    ends_at: datetime
    used_at: datetime | None = None


class Enrolled(Value, frozen=True):
    """A certificate of a hub below. ``fingerprint``: SHA-256 of it; ``key``: of its public key; both hex. ``until``: set when it counts
    no more before it ends.
    """

    fingerprint: str
    partner: str
    key: str
    serial: str
    pem: str
    issued_at: datetime
    ends_at: datetime
    until: datetime | None = None


class Enrolments(Protocol):
    async def invite(self, invitation: Invitation) -> None:
        """What was handed out to this partner before counts no more. Journaled."""
        ...

    async def invitation(self, id_: str) -> Invitation | None: ...

    async def enrol(self, invitation: str, certificate: Enrolled, now: datetime) -> None:
        """Use the invitation up; certificates that this partner had before count no more. In one transaction, journaled.

        Raises ``Refusal`` HUB-EDG-060: used, over or not there; HUB-EDG-062: this key was certified before, for whomever.
        """
        ...

    async def renew(self, certificate: Enrolled, by: str, now: datetime) -> None:
        """Certify a further key of a partner. Beside it counts the certificate that asked (``by``: its fingerprint) and no other. In one
        transaction, journaled. Raises ``Refusal`` HUB-EDG-062: this key was certified before, for whomever.
        """
        ...

    async def used(self, fingerprint: str, now: datetime) -> int:
        """The partner has signed by this certificate: those that it had before count no more; how many did. Journaled when there were any."""
        ...

    async def revoke(self, partner: str, *, reason: str, by: str, now: datetime) -> int:
        """None of its certificates and invitations counts any more; return how many certificates did. Journaled."""
        ...

    async def certificates(self, partner: str = "") -> tuple[Enrolled, ...]:
        """All that were issued, the latest first; of one partner where it is named."""
        ...
