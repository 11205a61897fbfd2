"""The offices that come for what is theirs, by the name of their partner file in ``examples/sandbox/offices``.

To add one: an ``Office`` in a module of its own, a line here, a partner file there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.simulators.mailbox_words import RestTongue, SoapTongue
from connectors.simulators.visiting_catalogues import Subscriber
from connectors.simulators.visiting_folder import FolderOffice
from connectors.simulators.visiting_mailbox import MailboxOffice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from connectors.simulators.desk import Journal
    from connectors.simulators.visiting import Office


class Seat(NamedTuple):
    """Where one office is. ``address``: the hub's; ``folder``: its own, with those in it that it shares (``Sits.shares``).

    ``dossier``: by whose number it misbehaves where what it comes for is about no dossier.
    """

    address: str
    secret: str
    folder: Path
    journal: Journal
    dossier: str = ""


class Sits(NamedTuple):
    """``shares``: folders inside its own that it shares with the hub."""

    make: Callable[[Seat], Office]
    shares: tuple[str, ...] = ()


OFFICES: Mapping[str, Sits] = {
    "phong-hop-thu": Sits(
        lambda seat: MailboxOffice(seat.address, RestTongue(seat.secret), seat.folder, seat.journal)
    ),
    "phong-soap": Sits(
        lambda seat: MailboxOffice(seat.address, SoapTongue(seat.secret), seat.folder, seat.journal)
    ),
    "phong-thu-muc": Sits(
        lambda seat: FolderOffice(seat.folder / "out", seat.folder / "in", seat.folder, seat.journal),
        shares=("out", "in"),
    ),
    "phong-danh-muc": Sits(
        lambda seat: Subscriber(seat.address, seat.secret, seat.folder, seat.journal, seat.dossier)
    ),
}
