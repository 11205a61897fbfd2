"""The hubs that are partners here: what each calls itself, and how what it signs is verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

Verify = Callable[[bytes, str, datetime], object]
"""Bytes, a detached JWS over them, now. Raises ``Refusal`` HUB-SIG-*, HUB-CRT-*."""
Sign = Callable[[bytes, datetime], str]


class Peer(NamedTuple):
    """``code``: what it calls itself; ``above``: it is the hub above this one. ``serves``: agencies whose systems are there."""

    partner: str
    code: str
    above: bool
    verify: Verify
    serves: tuple[str, ...] = ()


class Peers(NamedTuple):
    """``us``: what this hub calls itself; ``sign``: by its own key, and ``verify`` what was signed by that."""

    us: str
    sign: Sign
    verify: Verify
    of: Mapping[str, Peer]

    def called(self, code: str) -> Peer | None:
        """Find a hub by what it calls itself."""
        return next((peer for peer in self.of.values() if peer.code == code), None)

    @property
    def above(self) -> Peer | None:
        return next((peer for peer in self.of.values() if peer.above), None)


def nobody_signs(_body: bytes, _now: datetime) -> str:
    return ""


def nobody_is_believed(_body: bytes, _signature: str, _now: datetime) -> None:
    """Stands where there is no other hub; nothing comes here then."""


ALONE = Peers("hub", nobody_signs, nobody_is_believed, {})
"""A hub that knows no other."""
