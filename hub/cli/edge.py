"""``lienthong edge …``: the small hub of a district or commune."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hub.cli import opening, show, times
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.edges.standing import Line, Standing
from hub.rounds.syncing import Broke
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.cli.desk import Desk

Inherited = Annotated[int | None, Parameter(show=False)]
"""The number of a listening socket that the process before it held."""


def run(*, socket: Inherited = None, desk: At) -> int:
    return desk.programs.edge(desk.settings, inherited=socket)


@dataclass(frozen=True)
class Joined:
    """``hub``: what this one is called from now on; ``above``: the one that let it in."""

    hub: str
    above: str
    serves: tuple[str, ...]
    settings: Path


JOINED: tuple[show.Column[Joined], ...] = (
    show.Column("code", lambda row: row.hub, whole=True),
    show.Column("above", lambda row: row.above, whole=True),
    show.Column("serves", lambda row: list(row.serves), lambda row, _: ", ".join(row.serves)),
    show.Column("file", lambda row: str(row.settings), whole=True),
)


async def enroll(
    url: str,
    code: str,
    /,
    *,
    directory: Path = Path("site"),
    listen: str = "127.0.0.1:8080",
    ca_file: Path | None = None,
    desk: At,
) -> int:
    """Join the hub above: the key is made here and never leaves. ``directory``: empty or not there yet."""
    told = await opening.enrolled(url, code, directory, listen, ca_file)
    show.card(desk, JOINED, Joined(told.code, told.hub, tuple(told.serves), directory / "lienthong.toml"))
    return Exit.OK


def _contact(row: Standing, desk: Desk) -> str:
    if row.link is None or row.link.met_at is None:
        return ""
    return times.span(desk.speech, (row.now - row.link.met_at).total_seconds())


def _up(row: Standing) -> dict[str, object]:
    found = row.waiting
    if found is None:
        return {"count": 0, "oldest": None}
    return {"count": found.unsealed + found.offered + found.under_way, "oldest": found.oldest}


def _shown_up(row: Standing, desk: Desk) -> str:
    found, told = row.waiting, _up(row)
    if found is None or found.oldest is None:
        return str(told["count"])
    age = times.span(desk.speech, (row.now - found.oldest).total_seconds())
    return desk.say("edge_line.waits", number=told["count"], age=age)


def _why(row: Standing, desk: Desk) -> str:
    code = (row.link.stands or row.link.error) if row.link else ""
    return desk.say(f"edge_line.{row.line}", code=code, seconds=round(row.link.ahead) if row.link else 0)


STANDING: tuple[show.Column[Standing], ...] = (
    show.Column("code", lambda row: row.hub, whole=True),
    show.Column("above", lambda row: row.above, whole=True),
    show.Column("link", lambda row: row.line, _why, said=True),
    show.Column("last_error", lambda row: row.link.error if row.link else ""),
    show.Column("contact", lambda row: row.link.met_at if row.link else None, _contact),
    show.Column("up", _up, _shown_up),
    show.Column("taken_in", lambda row: row.link.taken.seq if row.link else 0),
    show.Column("stands_version", lambda row: row.version, lambda row, _: f"{row.version}/{row.newest}"),
    show.Column("newest_version", lambda row: row.newest),
    show.Column("clock_off", lambda row: round(row.link.ahead, 1) if row.link else 0.0),
    show.Column(
        "disk_free",
        lambda row: row.free,
        lambda row, _: f"{row.free >> 30} GB, {100 * row.free // row.room} %",
    ),
    show.Column("ends", lambda row: row.ends, lambda row, _: times.local(row.ends) if row.ends else ""),
)


async def status(*, desk: At) -> int:
    """Say how this hub stands with the one above; status 3 while there is no line."""
    async with desk.hub() as hub:
        row = await opening.edge_standing(desk.settings, hub.store, desk.now())
    show.card(desk, STANDING, row)
    if row.line in (Line.LINKED, Line.ALONE, Line.CLOCK):
        return Exit.OK
    desk.tell("told.edge_by_hand")
    return Exit.FOUND


async def sync(*, desk: At) -> int:
    """One round now: greet, bring all that is laid out, fetch all that lies there; where the hub runs, it does that itself."""
    async with opening.edge_side(desk.settings) as side:
        if side.syncing is None:
            raise Complaint("unknown.above", Exit.FAILED)
        try:
            moved = await side.syncing.once()
        except Broke as broke:
            raise refuse(_known(broke.trouble.code), "url", detail=broke.trouble.detail) from None
    if moved is None:
        desk.tell("told.edge_runs")
        return Exit.OK
    desk.tell("told.edge_synced", brought=moved.brought, fetched=moved.fetched)
    return Exit.OK


async def renew(*, desk: At) -> int:
    """Change this hub's key: by itself it does so at two thirds of its certificate's life."""
    try:
        ends = await opening.edge_renewed(desk.settings)
    except Broke as broke:
        raise refuse(_known(broke.trouble.code), "url", detail=broke.trouble.detail) from None
    desk.tell("told.edge_renewed", ends=times.local(ends))
    return Exit.OK


def _known(code: str) -> str:
    return code if code.startswith("HUB-") else "HUB-NET-001"


async def outbox(way: Literal["export", "import"], file: Path, /, *, to: str = "", desk: At) -> int:
    """The line, carried by hand. ``to``: export for a hub below; else for the one above."""
    return await (_export(file, to, desk) if way == "export" else _import(file, desk))


async def _export(file: Path, to: str, desk: Desk) -> int:
    """Write all that the other hub has not acknowledged into one signed file."""
    async with opening.edge_side(desk.settings) as side:
        peer = side.peers.of.get(to) if to else side.peers.above
        if peer is None:
            raise Complaint("unknown.hub", Exit.FAILED, name=to, known=", ".join(side.peers.of))
        raw, told = await side.carrying.write(peer)
        opening.on_stick(file, raw)
    desk.tell("told.edge_exported", file=file, batches=told.batches, entries=told.entries, hub=peer.code)
    return Exit.OK


async def _import(file: Path, desk: Desk) -> int:
    """Take a file of the other hub in, and write what acknowledges it beside it."""
    raw = file.read_bytes()  # noqa: ASYNC240 - one file, nothing else runs
    async with opening.edge_side(desk.settings) as side:
        peer = side.carrying.sender(raw)
        told = await side.carrying.take(raw)
        answer = file.with_name(f"{file.name}.ack")
        if told.new + told.known:
            opening.on_stick(answer, (await side.carrying.write(peer, only_acks=True))[0])
    desk.tell("told.edge_imported", new=told.new, known=told.known, ended=told.ended)
    if told.new + told.known:
        desk.tell("told.edge_acknowledged", file=answer)
    if told.cut:
        desk.tell("told.edge_cut", number=told.after + 1)
        return Exit.FOUND
    return Exit.OK
