"""The offices that come for what is theirs, by the name of their partner file in ``examples/sandbox/offices``.

To add one: an ``Office`` in a module of its own, a line here, a partner file there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.visiting_folder import FolderOffice
from connectors.simulators.visiting_mailbox import MailboxOffice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from connectors.simulators.desk import Journal
    from connectors.simulators.visiting import Office


class Seat(NamedTuple):
    """Where one office is. ``address``: the hub's; ``folder``: its own, with those in it that it shares (``Sits.shares``)."""

    address: str
    secret: str
    folder: Path
    journal: Journal


class Sits(NamedTuple):
    """``shares``: folders inside its own that it shares with the hub."""

    make: Callable[[Seat], Office]
    shares: tuple[str, ...] = ()


OFFICES: Mapping[str, Sits] = {
    "phong-hop-thu": Sits(lambda seat: MailboxOffice(seat.address, seat.secret, seat.folder, seat.journal)),
    "phong-thu-muc": Sits(
        lambda seat: FolderOffice(seat.folder / "out", seat.folder / "in", seat.folder, seat.journal),
        shares=("out", "in"),
    ),
}
