"""``lienthong mapping list|try|replay``: which mappings there are, what one makes of a payload, and what a new version would have said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from hub.cli import finding, opening, reading, show, telling, times
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.judging.settling import settled
from hub.mappings.governing import State
from hub.mappings.replaying import Compared, Told, read, summed, written
from hub.partners.access import day_begins
from hub.store.contract.views import Filter
from schemas.dossier import from_json, to_json
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.mappings.governing import Proposal, Standing
    from hub.store.contract.views import Payloads, TransferView
    from schemas.dossier import Message
    from schemas.mapping import Mapping as Format

PAGE = 100
NOBODY = ("sender", "key", "agency")
"""Who says what is only tried, under which key, for which agency: what the wire does not carry."""


@dataclass(frozen=True)
class Known:
    """A mapping and who speaks it, by today's partner files."""

    format: Format
    sends: tuple[str, ...]
    receives: tuple[str, ...]
    shipped: bool = False
    proposal: Proposal | None = None
    standing: Standing | None = None
    retired: Proposal | None = None

    @property
    def state(self) -> State:
        """A version that nobody proposed is in force when a partner's file names it."""
        if self.retired is not None:
            return State.RETIRED
        return self.standing.state if self.standing else State.IN_FORCE

    @property
    def since(self) -> datetime | None:
        told = self.retired or self.proposal
        return day_begins(told.begins) if told else None

    @property
    def approved_by(self) -> list[str]:
        given = [f"{each.side}: {each.who}" for each in self.proposal.approved] if self.proposal else []
        return [*(["hub"] if self.shipped else []), *given]


@dataclass(frozen=True)
class Replayed:
    old: str
    new: str
    found: list[Compared]

    def count(self, side: str) -> int:
        return sum(one.side == side for one in self.found)


KNOWN: tuple[show.Column[Known], ...] = (
    show.Column("mapping", lambda row: row.format.ref, whole=True),
    show.Column("media", lambda row: row.format.media),
    show.Column("sent_by", lambda row: list(row.sends)),
    show.Column("received_by", lambda row: list(row.receives)),
    show.Column(
        "state", lambda row: str(row.state), lambda row, desk: desk.say(f"mapping_state.{row.state}")
    ),
    show.Column(
        "since",
        lambda row: row.since,
        lambda row, _: times.local(row.since) if row.since else "",
        room=120,
    ),
    show.Column("approved_by", lambda row: row.approved_by, room=140),
    show.Column("replaces", lambda row: row.proposal.replaces if row.proposal else None, room=160),
    show.Column("changed", lambda row: row.standing.changed if row.standing else False, room=160),
)
REPLAYED: tuple[show.Column[Replayed], ...] = (
    show.Column("old", lambda row: row.old),
    show.Column("new", lambda row: row.new),
    show.Column("read", lambda row: row.count("read")),
    show.Column("written", lambda row: row.count("written")),
    show.Column("alike", lambda row: sum(one.same for one in row.found)),
    show.Column("differ", lambda row: sum(not one.same for one in row.found)),
)
TOLD: tuple[show.Column[Told], ...] = (
    show.Column("side", lambda row: str(row.side), lambda row, desk: desk.say(f"side.{row.side}")),
    show.Column("change", lambda row: row.change, lambda row, desk: desk.say(f"change.{row.change}")),
    show.Column("place", lambda row: row.place),
    show.Column("touched", lambda row: row.number),
    show.Column("example", lambda row: row.example, whole=True),
)


def list_(*, desk: At) -> int:
    show.rows(desk, KNOWN, known(desk), "nothing.mappings")
    return Exit.OK


def known(desk: Desk) -> list[Known]:
    """Every finished version, who speaks it by today's partner files, and where its proposal stands."""
    formats, partners = opening.formats(desk.settings), opening.speakers(desk.settings)
    standings = opening.standings(desk.settings, desk.now())
    gone = {each.replaces: each for each, told in standings.values() if told.state is State.IN_FORCE}
    return [
        Known(
            format=each,
            sends=tuple(p.id for p in partners if p.sends and p.sends.format == ref),
            receives=tuple(p.id for p in partners if p.receives and p.receives.mapping == ref),
            shipped=ref in opening.shipped(),
            proposal=standings[ref][0] if ref in standings else None,
            standing=standings[ref][1] if ref in standings else None,
            retired=gone.get(ref),
        )
        for ref, each in sorted(formats.items())
    ]


def try_(
    mapping: str,
    payload: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    into: str = "",
    desk: At,
) -> int:
    """Read one payload (``-``: standard input), and write it in another format where one is named. Nothing is sent or kept."""
    formats = opening.formats(desk.settings)
    source, target = _format(formats, mapping), _format(formats, into) if into else None
    raw = reading.piped(desk, payload)
    try:
        message = settled(source.read(raw, *NOBODY))
        made = _made(target, message) if target else {"": to_json(message)}
    except Refusal as refusal:
        telling.problems(desk, refusal.problems, str(payload))
        return Exit.FOUND
    if not made and target is not None:
        raise Complaint("try.silent", Exit.FOUND, mapping=target.ref, kind=message.kind)
    for name, written_ in made.items():
        if name:
            desk.tell("try.operation", operation=name)
        desk.screen.write_bytes(written_.rstrip(b"\n") + b"\n")
    return Exit.OK


def _made(target: Format, message: Message) -> dict[str, bytes]:
    return {
        operation: target.write(operation, message, message.key) for operation in target.operations(message)
    }


async def replay(
    old: str,
    new: str,
    /,
    *,
    partner: str = "",
    limit: Annotated[int, Parameter(negative=())] = 200,
    desk: At,
) -> int:
    """The exit status says whether anything differs."""
    formats = opening.formats(desk.settings)
    one, other = _format(formats, old), _format(formats, new)
    if one.media != other.media:
        raise Complaint("replay.media", Exit.USAGE, old=old, new=new)
    async with desk.hub() as hub:
        found = [compared async for compared in _compared(hub, one, other, partner, limit)]
    told = summed(found)
    show.card(
        desk, REPLAYED, Replayed(old, new, found), [show.Part("differences", TOLD, told)] if told else []
    )
    desk.tell("replay.differs" if told else "replay.alike", number=sum(not each.same for each in found))
    return Exit.FOUND if told else Exit.OK


async def _compared(hub: Hub, old: Format, new: Format, of: str, limit: int) -> AsyncIterator[Compared]:
    """The newest first, up to ``limit`` for each partner and side that speaks the format; nobody else's messages are looked at."""
    for partner in hub.partners.values():
        if of not in {"", partner.id}:
            continue
        if partner.receives and _speaks(partner.receives.mapping, old):
            async for view, stored in _stored(hub, Filter(partner=partner.id, limit=PAGE), limit):
                if stored.canonical:
                    yield await _written(hub, old, new, view, stored.canonical)
        if partner.sends and _speaks(partner.sends.format, old):
            heard: set[str] = set()
            async for view, stored in _stored(hub, Filter(sender=partner.id, limit=PAGE), limit):
                if stored.raw and view.message not in heard:
                    heard.add(view.message)
                    yield read(old, new, stored.raw, (partner.id, view.key, partner.agency), view.message)


async def _written(hub: Hub, old: Format, new: Format, view: TransferView, canonical: bytes) -> Compared:
    """What either cannot say from the message alone is tried with what its dossier said, as when it is sealed."""
    message = from_json(canonical)
    found = written(old, new, view.operation, message, view.key, view.id)
    if not found.before and not found.after:
        return found
    message = await finding.whole(hub.store, view, message)
    return written(old, new, view.operation, message, view.key, view.id)


async def _stored(hub: Hub, which: Filter, most: int) -> AsyncIterator[tuple[TransferView, Payloads]]:
    """The newest ``most`` transfers with what is kept of them."""
    looked = 0
    while looked < most and (page := await hub.store.transfers(which)):
        for view in page[: most - looked]:
            stored = await hub.store.payloads(view.id)
            if stored is not None:
                yield view, stored
        looked += len(page)
        which = msgspec.structs.replace(which, after=page[-1].id)


def _speaks(ref: str, format_: Format) -> bool:
    """In whichever version: what is compared is what two of them make of the same messages."""
    return ref.partition("@")[0] == format_.ref.partition("@")[0]


def _format(formats: Mapping[str, Format], ref: str) -> Format:
    if ref not in formats:
        raise Complaint("unknown.mapping", Exit.FAILED, name=ref, known=", ".join(sorted(formats)))
    return formats[ref]
