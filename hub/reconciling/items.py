"""What one side says of one thing that went between it and the other on a day: small, and without personal data."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

ID_LENGTH = 400
"""Characters of an id: a key of a sender's has at most 200, a transfer's own is made of three."""


class Way(StrEnum):
    """Seen from here."""

    SENT = "sent"
    RECEIVED = "received"

    @property
    def mirrored(self) -> Way:
        """What the other side calls it."""
        return Way.RECEIVED if self is Way.SENT else Way.SENT


class Standing(StrEnum):
    """Where a thing is, in words that every protocol's own can be read as."""

    TAKEN = "taken"
    REFUSED = "refused"
    OPEN = "open"  # on its way, in doubt, parked, held or given up: nobody claims that it is there


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``id``: the key by which both sides know it. ``digest``: SHA-256 (hex) of the bytes that travelled; empty where a side keeps none.

    ``kind``, ``code``: what it is about, for whoever reads; they are not compared.
    """

    id: str
    standing: Standing = Standing.TAKEN
    digest: str = ""
    kind: str = ""
    code: str = ""


class Side(NamedTuple):
    """What one side says of a day, in its own words for the ways."""

    sent: tuple[Item, ...] = ()
    received: tuple[Item, ...] = ()

    def of(self, way: Way) -> tuple[Item, ...]:
        return self.sent if way is Way.SENT else self.received

    @property
    def mirrored(self) -> Side:
        """The same as the other side would say it."""
        return Side(self.received, self.sent)


def place(id_: str) -> str:
    """Return where an item stands among all: the SHA-256 (hex) of its id, so that they lie evenly whatever ids look like."""
    return hashlib.sha256(id_.encode()).hexdigest()


def entry(item: Item) -> bytes:
    """Return what of an item is compared, as bytes that are the same on both sides."""
    return msgspec.json.encode([item.id, item.standing, item.digest])
