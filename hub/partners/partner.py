"""A declared partner, and what of it routing, claims, hours and quotas each need to know."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from pydantic import BaseModel  # noqa: TC002

from hub.health import hours
from hub.health.hours import Hours
from hub.partners.access import Credential, Way
from hub.partners.declaration import Access, Name, OAuthClient, Receives, Sends, Stages  # noqa: TC001
from hub.routing.parties import Party
from hub.store.contract.delivery import Capacity, Window
from signing.profiles import Identity

if TYPE_CHECKING:
    from datetime import datetime

    from hub.settings.sections import Pace, Quota
    from schemas.workdays import Workdays


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """One system of an agency. ``settings``: what its room's model made of ``[receives.<room>]``; ``None``: it never receives."""

    file: Path
    id: str
    agency: str
    room: str
    name: Name
    stage: Stages
    access: Access
    sends: Sends | None
    receives: Receives | None
    settings: BaseModel | None
    draft: bool = False

    @property
    def party(self) -> Party:
        """As routing sees it."""
        return Party(
            partner_id=self.id,
            agency=self.agency,
            room=self.room,
            role=self.receives.role if self.receives else "informed",
            kinds=tuple(str(kind) for kind in self.receives.kinds) if self.receives else (),
            sends=tuple(str(kind) for kind in self.sends.kinds) if self.sends else (),
            stage=self.stage.default,
            stages=self.stage.procedures,
            hub=getattr(self.settings, "hub", ""),
            serves=tuple(getattr(self.settings, "serves", ())),
        )

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """All that it may show of itself; clients' secrets at ``/token`` only."""
        receipts = self.receives.receipts if self.receives else None
        listed = (
            (self.sends.api_keys if self.sends else (), Way.API_KEY, False),
            (self.access.api_keys, Way.API_KEY, False),
            (self.access.certificates, Way.CERTIFICATE, False),
            (receipts.api_keys if receipts else (), Way.API_KEY, True),
        )
        return (
            *(key.credential(self.id, way, receipts_only=only) for keys, way, only in listed for key in keys),
            *(secret for client in self.access.clients for secret in self.secrets(client)),
        )

    def secrets(self, client: OAuthClient) -> tuple[Credential, ...]:
        return tuple(secret.credential(self.id, Way.SECRET, client=client.id) for secret in client.secrets)

    @property
    def signs_badges(self) -> bool:
        """Whether a bearer token that it signs itself says who it is."""
        proof = self.sends.signature if self.sends else None
        return proof is not None and proof.identity is not Identity.NONE

    @property
    def calls(self) -> bool:
        """Whether it can prove who it is by anything but a message's signature."""
        return bool(self.credentials) or self.signs_badges or self.access.form

    @property
    def fetches(self) -> bool:
        """Whether it comes for what is for it, so that nothing is sent there."""
        return bool(getattr(self.settings, "fetches", False))

    @property
    def capacity(self) -> Capacity | None:
        """As the claim sees it; ``None`` when it never receives."""
        told = self.receives
        if told is None:
            return None
        return Capacity(
            partner=self.id,
            concurrency=told.concurrency,
            rate=told.rate,
            burst=told.burst,
            order_sensitive=told.order_sensitive,
            circuit_after=told.circuit.after,
            circuit_waits=told.circuit.waits,
            fetches=self.fetches,
        )

    def timetable(self, days: Workdays) -> Hours | None:
        """When it may be sent to; ``None``: always."""
        told = self.receives
        if told is None or not (told.hours or told.calendar == "office"):
            return None
        week = hours.read(told.hours) if told.hours else hours.office(days)
        return Hours(week=week, office=told.calendar == "office")


def parties(partners: tuple[Partner, ...]) -> tuple[Party, ...]:
    return tuple(partner.party for partner in partners)


def quotas(partners: tuple[Partner, ...], default: Quota) -> dict[str, Quota]:
    """Return what each sender may use."""
    return {
        partner.id: default.model_copy(update=partner.sends.quota.model_dump(exclude_none=True))
        for partner in partners
        if partner.sends
    }


def paces(partners: tuple[Partner, ...], default: Pace) -> dict[str, Pace]:
    """Return how often each recipient may call."""
    return {
        partner.id: default.model_copy(update=partner.receives.quota.model_dump(exclude_none=True))
        for partner in partners
        if partner.receives
    }


def capacities(partners: tuple[Partner, ...]) -> tuple[Capacity, ...]:
    return tuple(capacity for partner in partners if (capacity := partner.capacity))


def windows(partners: tuple[Partner, ...], days: Workdays, now: datetime) -> tuple[Window, ...]:
    """Return for every partner that receives when it may be sent to: now or next, or always."""
    return tuple(_window(partner, days, now) for partner in partners if partner.receives)


def _window(partner: Partner, days: Workdays, now: datetime) -> Window:
    table = partner.timetable(days)
    if table is None:
        return Window(partner=partner.id)
    opens, closes = hours.window(table, days, now)
    return Window(partner=partner.id, opens=opens, closes=closes)
