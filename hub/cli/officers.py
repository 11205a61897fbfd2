"""``lienthong officer add|list|disable|password``: who works at the hub's own pages. Passwords are typed or piped in, never arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.cli import opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.console.passwords import LONGEST, SHORTEST, fits, spelled
from hub.store.contract.people import Officer

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.cli.opening import Hub

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")


def _stands(officer: Officer, desk: Desk) -> str:
    if officer.disabled:
        return "disabled"
    return "locked" if officer.locked_until and desk.now() < officer.locked_until else "active"


OFFICERS: tuple[show.Column[Officer], ...] = (
    show.Column("login", lambda row: row.login, whole=True),
    show.Column("officer_name", lambda row: row.name),
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column(
        "officer_state",
        lambda row: "disabled" if row.disabled else "active",
        lambda row, desk: desk.say(f"officer.{_stands(row, desk)}"),
    ),
    show.Column("since", lambda row: row.added_at, lambda row, _: times.local(row.added_at), room=110),
    show.Column("by", lambda row: row.added_by, room=100),
    show.Column("officer_id", lambda row: row.id, room=130),
)


async def add(partner: str, login: str, /, *, name: str, desk: At) -> int:
    """Add somebody who signs in for a partner. ``name``: as colleagues know them."""
    if not LOGIN.fullmatch(login):
        raise Complaint("usage.login", Exit.USAGE)
    async with desk.hub() as hub:
        found = hub.partners.get(partner)
        if found is None or not found.access.form:
            known = ", ".join(each.id for each in hub.partners.values() if each.access.form)
            raise Complaint("unknown.form", Exit.FAILED, name=partner, known=known)
        officer = Officer(
            id=opening.new_id(),
            login=login,
            name=name.strip(),
            partner=partner,
            password=_password(desk, login),
            added_at=desk.now(),
            added_by=desk.by,
        )
        await hub.store.people.add(officer)
    desk.tell("told.officer", login=login, partner=partner)
    return Exit.OK


async def list_(*, partner: str = "", desk: At) -> int:
    async with desk.hub() as hub:
        found = await hub.store.people.officers(partner)
    show.rows(desk, OFFICERS, found, "nothing.officers")
    return Exit.OK


async def disable(login: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    """From here on it signs in no more, and is signed out where it is. Its login is given to nobody else."""
    async with desk.hub() as hub:
        found = await _known(hub, login)
        why = agreed(desk, [desk.say("consequence.officer", login=login)], reason=reason, yes=yes)
        await hub.store.people.disable(found.id, reason=why, by=desk.by, now=desk.now())
    desk.tell("told.officer_disabled", login=login)
    return Exit.OK


async def password(login: str, /, *, desk: At) -> int:
    """Set a new password; who is signed in by the old one is signed out, and nothing stays locked."""
    async with desk.hub() as hub:
        found = await _known(hub, login)
        new = _password(desk, login)
        await hub.store.people.set_password(found.id, new, by=desk.by, now=desk.now())
    desk.tell("told.officer_password", login=login)
    return Exit.OK


async def _known(hub: Hub, login: str) -> Officer:
    found = await hub.store.people.officer(login)
    if found is None:
        raise Complaint("unknown.officer", Exit.FAILED, name=login)
    return found


def _password(desk: Desk, login: str) -> str:
    """Ask for it, and return what is kept of it."""
    said = spelled(desk.screen.secret(desk.say("ask.password")))
    if not fits(said, login):
        raise Complaint("usage.password", Exit.USAGE, least=SHORTEST, most=LONGEST)
    if desk.screen.asks and spelled(desk.screen.secret(desk.say("ask.password_again"))) != said:
        raise Complaint("usage.password_differs", Exit.USAGE)
    return opening.hashed(said)
