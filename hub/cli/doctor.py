"""``lienthong doctor`` and ``lienthong status``: what an operator would look at, in one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from hub import rules
from hub.cli import opening, show, times
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.cli.show import Column
from hub.doctor.facts import Finding  # noqa: TC001
from hub.doctor.rules import ALIVE, examine
from hub.doctor.words import Told, words

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.store.contract.watching import Process


def _told(finding: Finding, language: str) -> Told:
    """Say also in the reader's language what a rule says in English."""
    values = {name: rules.said(value, language) for name, value in finding.values.items()}
    return words(msgspec.structs.replace(finding, values=values), language)


FINDINGS: tuple[Column[Finding], ...] = (
    Column(
        "grave",
        lambda row: row.grave,
        lambda row, _: "✕" if row.grave else "!",
        lambda row, _: "red" if row.grave else "yellow",
    ),
    Column("id", lambda row: row.id, whole=True),
    Column(
        "says",
        lambda row: _told(row, "en").says,
        lambda row, desk: _told(row, desk.speech.language).says,
        said=True,
    ),
    Column(
        "do",
        lambda row: _told(row, "en").do,
        lambda row, desk: _told(row, desk.speech.language).do,
        said=True,
    ),
)


def _seen(row: Process, desk: Desk) -> str:
    """A row outlives its process for a while; one that is silent is not working, and is not shown as if it were."""
    quiet = desk.now() - row.seen
    span = times.span(desk.speech, quiet.total_seconds())
    return span if quiet < ALIVE else desk.say("process.silent", span=span)


PROCESSES: tuple[Column[Process], ...] = (
    Column("role", lambda row: row.role, lambda row, desk: desk.say(f"process.{row.role}")),
    Column("host", lambda row: row.host),
    Column("pid", lambda row: row.pid),
    Column("version", lambda row: row.version),
    Column("since", lambda row: row.since),
    Column(
        "seen",
        lambda row: row.seen,
        _seen,
        lambda row, desk: "" if desk.now() - row.seen < ALIVE else "red",
    ),
)


async def doctor(*, network: Annotated[bool, Parameter(negative=())] = False, desk: At) -> int:
    """Look at everything; 3 when something grave was found."""
    found = examine(await opening.examined(desk.settings, desk.now, network=network))
    if desk.as_json:
        told = [
            {
                "id": one.id,
                "grave": one.grave,
                **_told(one, desk.speech.language)._asdict(),
                "values": dict(one.values),
            }
            for one in found
        ]
        show.json(desk, told)
    else:
        show.rows(desk, FINDINGS, found, "nothing.doctor")
    return Exit.FOUND if any(one.grave for one in found) else Exit.OK


async def status(*, desk: At) -> int:
    """Who works, on all machines."""
    async with desk.hub() as hub:
        processes = await hub.store.processes()
    show.rows(desk, PROCESSES, processes, "nothing.processes")
    return Exit.OK
