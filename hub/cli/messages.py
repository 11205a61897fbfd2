"""``lienthong message refused``: what was refused at the door. Only code, digest, size, sender and time are kept, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import show, times
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.cli.telling import entry_of

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.store.contract.intake import RefusedMessage


def _title(row: RefusedMessage, desk: Desk) -> str:
    entry = entry_of(row.code)
    return f"{row.code} {entry.title.say(desk.speech.language)}" if entry else row.code


REFUSED: tuple[show.Column[RefusedMessage], ...] = (
    show.Column("at", lambda row: row.at, lambda row, _: times.local(row.at)),
    show.Column("sender", lambda row: row.sender),
    show.Column("code", lambda row: row.code, _title),
    show.Column("size", lambda row: row.size),
    show.Column("digest", lambda row: row.digest, room=150),
    show.Column("request", lambda row: row.request, room=190),
)


async def refused(*, sender: str = "", after: int = 0, limit: int = 50, desk: At) -> int:
    async with desk.hub() as hub:
        found = await hub.store.refused(sender=sender, after=after, limit=limit)
    show.rows(desk, REFUSED, found, "nothing.refused")
    if len(found) >= limit > 0:
        desk.tell("more", command=f"--after {found[-1].n}")
    return Exit.OK
