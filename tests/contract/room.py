"""How a room enters the conformance suite: one file ``tests/contract/room_<room>.py`` with ``ROOM = …`` of this shape.

Being a room is being tested: the suite fails when ``connectors/<room>/client.py`` exists and no such file does. A room
that speaks several dialects (SOAP 1.1 and 1.2) also names ``ROOMS = (…)``.

The suite starts ``partner()`` on a loopback port (with TLS for some tests), orders one misbehaviour for the operation
named by ``wire_name``, calls ``deliver`` and compares what the room said with what the partner's own journal holds.
``room_rest.py`` is the example to follow.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from connectors.credentials.contract import Clocks
from connectors.credentials.showing import credentials

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Connector, Parcel
    from connectors.credentials.contract import Credentials
    from connectors.gip.settings import Settings as Gip
    from connectors.rest.settings import Settings as Rest
    from connectors.simulators.desk import Desk
    from connectors.soap.settings import Settings as Soap
    from connectors.transport import Http

SECRET = "canary-9f8e7d6c5b4a"
"""The secret every room under test uses against its partner; it must never show up in an ``Exchange``."""

REACH: dict[str, Any] = {
    "connect_timeout": 0.8,
    "read_timeout": 0.8,
    "total_timeout": 1.6,
    "max_reply_bytes": 65_536,
    "connect_tries": 1,
}
"""What every room's settings begin with in this suite (``connectors.reach.Reach``)."""


def now() -> datetime:
    return datetime.now(UTC)


def shows(settings: Rest | Soap | Gip, http: Http) -> Credentials:
    """Return what the wiring hands to a room whose file has ``auth``."""
    return credentials(settings.auth, settings, http, Clocks(now, time.monotonic))


class RoomUnderTest(Protocol):
    """``name``: the room's folder, with the dialect behind a dash. ``wire_name``: the partner's name of the operation
    that ``parcel`` makes.

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
        """The room against that address, with the limits of ``REACH``. ``folder``: a place for secret files."""
        ...

    def parcel(self, number: int = 1) -> Parcel:
        """A sealed parcel that the partner takes; another number is another dossier under another key."""
        ...
