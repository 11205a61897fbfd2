"""``lienthong sandbox`` and ``lienthong play``: partners of every family on this machine, to connect a hub to and to watch it meet each misbehaviour.

Those of the sandbox are called by the hub; ``play`` lets one call the hub.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from hub.cli import show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from schemas.codes import parse
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.demo.sandbox import Code, Played

FIRST_PORT = 9101
HIGHEST_PORT = 65_000


PLACES: tuple[show.Column[Any], ...] = (  # of ``connectors.simulators.sandbox.Place``
    show.Column("partner", lambda row: row.name, whole=True),
    show.Column("address", lambda row: row.address, whole=True),
    show.Column("file", lambda row: str(row.file)),
    show.Column("processed", lambda row: str(row.journal)),
)
CODES: tuple[show.Column[Code], ...] = (
    show.Column("magic", lambda row: row.number, whole=True),
    show.Column("moves", lambda row: row.who, lambda row, desk: desk.say(f"moves.{row.who}"), whole=True),
    show.Column(
        "does",
        lambda row: {"vi": row.vi, "en": row.en},
        lambda row, desk: row.en if desk.speech.language == "en" else row.vi,
        said=True,
    ),
)
PLAYED: tuple[show.Column[Played], ...] = (
    show.Column("operation", lambda row: row.operation, whole=True),
    show.Column("trick", lambda row: row.way, whole=True),
    show.Column("status", lambda row: row.status),
    show.Column(
        "hears", lambda row: row.verdict, lambda row, desk: desk.say(f"hears.{row.verdict}"), whole=True
    ),
    show.Column("expected", lambda row: row.expected),
    show.Column("told", lambda row: row.said),
)
DOSSIER = "000.00.00.H47-{now:%y%m%d-%H%M%S}"


async def sandbox(
    *,
    directory: Path = Path("var/sandbox"),
    first_port: Annotated[int, Parameter(validator=Number(gte=0, lte=HIGHEST_PORT))] = FIRST_PORT,
    codes: Annotated[bool, Parameter(negative=())] = False,
    desk: At,
) -> int:
    from hub.demo import sandbox as simulated  # noqa: PLC0415 - heavy; no other command needs partners here

    if codes:
        show.rows(desk, CODES, simulated.codes(), "nothing.codes")
        return Exit.OK
    if not simulated.EXAMPLES.is_dir():
        raise Complaint("sandbox.checkout", Exit.FAILED, folder=str(simulated.EXAMPLES))
    places = simulated.prepare(directory, first_port)
    try:
        async with simulated.running(places):
            show.rows(desk, PLACES, places, "nothing.partners")
            desk.tell("sandbox.running")
            await _until_told()
    except OSError as error:
        raise Complaint("sandbox.port", Exit.FAILED, first=places[0].port, last=places[-1].port) from error
    return Exit.OK


async def play(
    family: str,
    /,
    *,
    directory: Path = Path("var/sandbox"),
    address: str = "",
    dossier: str = "",
    until: str = "",
    desk: At,
) -> int:
    from hub.demo import sandbox as simulated  # noqa: PLC0415 - as above

    if family not in simulated.PLAYED:
        raise Complaint("unknown.caller", Exit.USAGE, name=family, known=", ".join(simulated.PLAYED))
    if not simulated.secret_file(directory, family).exists():
        raise Complaint("sandbox.first", Exit.FAILED, folder=str(directory))
    known = simulated.operations(family)
    if until and until not in known:
        name = "unknown.saying" if known else "sandbox.office"
        raise Complaint(name, Exit.USAGE, value=until, name=family, known=", ".join(known))
    code = dossier or DOSSIER.format(now=desk.now())
    try:
        parse(code)
    except Refusal as refusal:
        raise Complaint("sandbox.dossier", Exit.USAGE, code=code) from refusal
    told = simulated.call(directory, family, address, code, desk.now(), until=until)
    played = [each async for each in told]
    show.rows(desk, PLAYED, played, "nothing.partners")
    if known:
        desk.tell("sandbox.became", code=code)
    return Exit.OK if all(each.expected for each in played) else Exit.FOUND


async def _until_told() -> None:
    from hub.processes.supervisor import stop_on_signals  # noqa: PLC0415 - only a program that stays needs it

    stop = asyncio.Event()
    stop_on_signals(stop)
    await stop.wait()
