"""How a room enters the conformance suite: one file ``tests/contract/room_<room>.py`` with ``ROOM = …`` of this shape.

Being a room is being tested: the suite fails when ``connectors/<room>/client.py`` exists and no such file does.

The suite starts ``partner()`` on a loopback port (with TLS for some tests), orders one misbehaviour for the operation
named by ``wire_name``, calls ``deliver`` and compares what the room said with what the partner's own journal holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.simulators.desk import Desk

    from connectors.contract import Connector, Parcel

SECRET = "canary-9f8e7d6c5b4a"
"""The secret every room under test uses against its partner; it must never show up in an ``Exchange``."""


class RoomUnderTest(Protocol):
    """``name``: the room's folder. ``wire_name``: the partner's name of the operation that ``parcel`` makes.

    ``can_be_asked``: ``find`` can tell whether it is there. ``keeps_keys``: the partner drops a second copy under a key.
    ``codes_decide``: a code in the reply's body outweighs its HTTP status (so 200 with an error is seen as one).
    """

    name: str
    wire_name: str
    can_be_asked: bool
    keeps_keys: bool
    codes_decide: bool

    def partner(self) -> Desk:
        """A fresh double with an empty journal, that knows ``SECRET``."""
        ...

    def connect(self, base_url: str, folder: Path, ca_file: Path | None = None) -> Connector:
        """The room against that address. ``folder``: a place for secret files. Timeouts: connect 0.5 s, read 0.5 s, total 1.5 s;
        at most 64 KiB of reply; one try to connect.
        """
        ...

    def parcel(self, number: int = 1) -> Parcel:
        """A sealed parcel that the partner takes; another number is another dossier under another key."""
        ...
