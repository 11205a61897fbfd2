"""``lienthong partner probe``: whether a partner's test system does what its file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.cli.telling import entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.cli.desk import Desk
    from hub.probing.checks import Check

COLOURS = {"passed": "green", "failed": "red", "untold": "yellow"}


@dataclass(frozen=True)
class Probed:
    """One check as it went."""

    check: Check


def _do(row: Probed, desk: Desk) -> str:
    """What the operator does about it, from the catalogue."""
    entry = entry_of(row.check.code) if row.check.code else None
    return entry.operator.say(desk.speech.language) if entry else ""


PROBED: tuple[show.Column[Probed], ...] = (
    show.Column("check", lambda row: row.check.name, lambda row, desk: desk.say(f"probe.{row.check.name}")),
    show.Column(
        "verdict",
        lambda row: str(row.check.verdict),
        lambda row, desk: desk.say(f"verdict.{row.check.verdict}"),
        lambda row, _: COLOURS[row.check.verdict],
    ),
    show.Column("code", lambda row: row.check.code, whole=True),
    show.Column("detail", lambda row: row.check.detail),
    show.Column("to_do", lambda row: row.check.code, _do, room=140, said=True),
)


async def probe(
    partner: str,
    /,
    *,
    base_url: str = "",
    live: Annotated[bool, Parameter(negative=())] = False,
    desk: At,
) -> int:
    """Exit status 3 when a check failed, 8 when the partner cannot be reached."""
    found = await opening.probed(desk.settings, partner, base_url, live=live)
    show.rows(desk, PROBED, [Probed(each) for each in found], "nothing.checks")
    return _status(found)


def _status(found: Sequence[Check]) -> int:
    wrong = [each.name for each in found if each.verdict == "failed"]
    if not wrong:
        return Exit.OK
    return Exit.UNREACHABLE if wrong[0] == "reach" else Exit.FOUND
