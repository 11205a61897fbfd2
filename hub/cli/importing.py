"""``lienthong dossier import``: open dossiers and their codes at a cut-over; a dry run says first what would be made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations at run time
from typing import TYPE_CHECKING

from hub.cli import opening, reading, show
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.going_live import importing
from hub.story import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.store.contract.history import Brought, Past


@dataclass(frozen=True)
class Planned:
    """``known``: the hub has it already, and leaves it as it is."""

    past: Past
    story: record.Story
    known: bool


PLANNED: tuple[show.Column[Planned], ...] = (
    show.Column("line", lambda row: row.past.line),
    show.Column("code", lambda row: row.past.aliases[0].code, whole=True),
    show.Column("known", lambda row: row.known),
    show.Column("state", lambda row: row.story.state, lambda row, _: str(row.story.state)),
    show.Column("procedure", lambda row: row.story.national or row.story.local or ""),
    show.Column("legs", lambda row: [leg.agency for leg in row.story.legs if not leg.passed_to]),
    show.Column("parties", lambda row: list(row.story.parties), room=160),
    show.Column("deadline", lambda row: row.story.deadline, room=140),
    show.Column(
        "aliases", lambda row: [f"{each.authority}:{each.code}" for each in row.past.aliases], room=180
    ),
    show.Column("id", lambda row: row.past.dossier, room=200),
)


async def import_(
    file: Path, /, *, dry_run: Yes = False, reason: str = "", yes: Yes = False, desk: At
) -> int:
    """All of the file or nothing; what is known already is left as it is. Raises ``Refusal`` with every fault and its line."""
    raw = reading.content(desk, file)
    rows = importing.read(raw, file.name)
    async with desk.hub() as hub:
        past = importing.plan(rows, await opening.importing_world(desk.settings, hub.store))
        seen = await hub.store.history.compare(past)
        if dry_run:
            show.rows(desk, PLANNED, _planned(past, seen), "nothing.dossiers")
            desk.tell("told.would_import", made=seen.made, known=len(seen.known))
            return Exit.OK
        why = agreed(
            desk,
            [desk.say("consequence.import", made=seen.made, known=len(seen.known))],
            reason=reason,
            yes=yes,
        )
        digest = hashlib.sha256(raw).hexdigest()
        done = await hub.store.history.bring(past, digest=digest, reason=why, by=desk.by, now=desk.now())
    if desk.as_json:
        show.json(desk, {"made": done.made, "known": len(done.known), "file": digest})
    else:
        desk.tell("told.imported", made=done.made, known=len(done.known))
    return Exit.OK


def _planned(past: Sequence[Past], seen: Brought) -> Iterator[Planned]:
    known = set(seen.known)
    for each in past:
        yield Planned(each, record.from_json(each.story), each.line in known)
