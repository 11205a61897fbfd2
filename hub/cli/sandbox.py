"""``lienthong sandbox``: partners of every family on this machine, to connect a hub to and to watch it meet each misbehaviour."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from hub.cli import show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit

if TYPE_CHECKING:
    from hub.demo.sandbox import Code

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
    show.Column(
        "does",
        lambda row: {"vi": row.vi, "en": row.en},
        lambda row, desk: row.en if desk.speech.language == "en" else row.vi,
        said=True,
    ),
)


async def sandbox(
    *,
    directory: Path = Path("var/sandbox"),
    first_port: Annotated[int, Parameter(validator=Number(gte=1024, lte=HIGHEST_PORT))] = FIRST_PORT,
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
        raise Complaint(
            "sandbox.port", Exit.FAILED, first=first_port, last=first_port + len(places) - 1
        ) from error
    return Exit.OK


async def _until_told() -> None:
    from hub.processes.supervisor import stop_on_signals  # noqa: PLC0415 - only a program that stays needs it

    stop = asyncio.Event()
    stop_on_signals(stop)
    await stop.wait()
