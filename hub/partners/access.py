"""What partners may identify themselves with, as values. Secrets are never here: only what they hash to.

An API key, a client's secret or a client certificate is known by its SHA-256. Keys are chosen by a machine (32 random bytes
or more), so a plain hash tells nothing of them, and finding one by its hash takes as long whoever's it is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from hub.deadlines.calendar import VIETNAM

SHOWN = 8
"""Characters of a hash by which a credential without a name is called."""


FORM = "form"
"""How the officers' pages are called where ways in are counted."""


class Way(StrEnum):
    """How somebody said who it is. ``claimed``: it has only said so; the message's signature must prove it. ``officer``: a person
    who is signed in at the hub's own pages.
    """

    API_KEY = "api_key"
    TOKEN = "token"  # noqa: S105 - the word itself
    SECRET = "client_secret"  # noqa: S105 - the word itself
    CERTIFICATE = "certificate"
    BEARER_JWS = "bearer_jws"
    OFFICER = "officer"
    CLAIMED = "claimed"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that proves who a partner is. ``digest``: SHA-256, hex; ``client``: of a client's secret, its id.

    ``starts``, ``ends``: when it counts; ``None``: no bound. ``receipts_only``: it opens the door for receipts and no other.
    """

    partner: str
    way: Way
    digest: str
    label: str
    client: str = ""
    starts: datetime | None = None
    ends: datetime | None = None
    receipts_only: bool = False

    def counts(self, now: datetime) -> bool:
        return (self.starts is None or self.starts <= now) and (self.ends is None or now < self.ends)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and by what that is known."""

    partner: str
    way: Way
    label: str = ""
    receipts_only: bool = False

    @property
    def proved(self) -> bool:
        return self.way is not Way.CLAIMED


def label_of(name: str, digest: str) -> str:
    """Name a credential as its file does, or by the beginning of its hash."""
    return name or digest[:SHOWN]


def day_begins(day: date | None) -> datetime | None:
    """Midnight in Vietnam, where partner files are written."""
    return None if day is None else datetime.combine(day, time(), VIETNAM).astimezone(UTC)


def day_ends(day: date | None) -> datetime | None:
    """The midnight after it."""
    return None if day is None else day_begins(day + timedelta(days=1))
