"""``lienthong evidence …``: is the journal what was chained, and what proves a transfer to somebody who trusts nobody here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.cli import opening, show
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.evidence.audit import Audit, Finding

if TYPE_CHECKING:
    from hub.evidence.contract import Standing

PAGE = 50
"""Segments that are looked at in one snapshot."""
SHOWN = 100


@dataclass(frozen=True)
class Checked:
    standing: Standing
    entries: int
    head: str
    findings: tuple[Finding, ...]


CHECKED: tuple[show.Column[Checked], ...] = (
    show.Column("entries", lambda row: row.entries),
    show.Column("segments", lambda row: row.standing.segments),
    show.Column("last_hash", lambda row: row.head),
    show.Column("stamped", lambda row: row.standing.stamped),
    show.Column("unrooted", lambda row: row.standing.unrooted),
    show.Column("unchained", lambda row: row.standing.unchained),
)
FINDINGS: tuple[show.Column[Finding], ...] = (
    show.Column("flaw", lambda row: str(row.flaw), lambda row, desk: desk.say(f"flaw.{row.flaw}")),
    show.Column("row", lambda row: row.number),
    show.Column("detail", lambda row: row.detail),
)


async def check(*, desk: At) -> int:
    """The exit status says whether the journal is what was chained."""
    audit = Audit(opening.stamps(desk.settings))
    findings: list[Finding] = []
    async with desk.hub() as hub:
        while (page := await hub.store.evidence.page(audit.after, audit.top, PAGE)).segments:
            findings += audit.feed(page)
        standing = await hub.store.evidence.standing()
    findings += audit.end(standing.gaps)
    found = Checked(standing, audit.entries, audit.head.hex(), tuple(findings))
    parts = [show.Part("findings", FINDINGS, findings[:SHOWN])] if findings or desk.as_json else []
    show.card(desk, CHECKED, found, parts)
    desk.tell("checked.broken" if findings else "checked.whole", number=len(findings))
    return Exit.FOUND if findings else Exit.OK
