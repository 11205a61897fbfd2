"""``lienthong edges ca|invite|revoke``: who lets hubs below in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path  # noqa: TC003
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from hub.cli import opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.edges import inviting


@dataclass(frozen=True)
class Authority:
    file: Path
    fingerprint: str
    ends: datetime


@dataclass(frozen=True)
class Invited:
    """``code``: shown this once; ``fingerprint``: letters of this hub's certificate, the middle of the code."""

    partner: str
    code: str
    fingerprint: str
    ends: datetime


AUTHORITY: tuple[show.Column[Authority], ...] = (
    show.Column("file", lambda row: str(row.file), whole=True),
    show.Column("fingerprint", lambda row: row.fingerprint, whole=True),
    show.Column("ends", lambda row: row.ends, lambda row, _: times.local(row.ends)),
)
INVITED: tuple[show.Column[Invited], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("code", lambda row: row.code, whole=True),
    show.Column("fingerprint", lambda row: row.fingerprint, whole=True),
    show.Column("ends", lambda row: row.ends, lambda row, _: times.local(row.ends)),
)


def ca(*, desk: At) -> int:
    """Make the authority where there is none yet."""
    show.card(desk, AUTHORITY, Authority(*opening.authority(desk.settings, desk.now())))
    return Exit.OK


async def invite(
    partner: str, /, *, hours: Annotated[int, Parameter(validator=Number(gte=1, lte=720))] = 72, desk: At
) -> int:
    """Print a one-time code for a hub below; one that was handed out before counts no more."""
    async with desk.hub() as hub:
        enrolling = opening.enrolling(desk.settings, hub.store)
        code, made = await enrolling.invite(partner, timedelta(hours=hours), os.urandom, desk.by)
    row = Invited(partner, inviting.write(code), code.fingerprint, made.ends_at)
    show.card(desk, INVITED, row)
    return Exit.OK


async def revoke(partner: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    """Nothing that this hub signs counts any more, within seconds; it comes back by a new invitation only."""
    async with desk.hub() as hub:
        found = hub.partners.get(partner)
        if found is None:
            raise Complaint("unknown.partner", Exit.FAILED, name=partner, known=", ".join(hub.partners))
        said = agreed(desk, [desk.say("ask.edge_revoke", partner=partner)], reason=reason, yes=yes)
        number = await hub.store.enrolments.revoke(partner, reason=said, by=desk.by, now=desk.now())
    desk.tell("told.edge_revoked", partner=partner, number=number)
    return Exit.OK
