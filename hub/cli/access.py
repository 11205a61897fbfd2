"""``lienthong partner access|revoke``: by what a partner may come in, when each was last used; and its tokens taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.cli import show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.partners.access import FORM, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.partners.access import Credential
    from hub.partners.partner import Partner
    from hub.store.contract.access import CredentialUse


@dataclass(frozen=True)
class Key:
    """One way in. ``force``: ``in_force``, ``not_yet``, ``over``, or ``undeclared``: it was used, and its file names it no more."""

    way: str
    label: str
    force: str
    since: datetime | None = None
    until: datetime | None = None
    uses: int = 0
    last_at: datetime | None = None


def _moment(read: Callable[[Key], datetime | None]) -> Callable[[Key, Desk], str]:
    def cell(row: Key, desk: Desk) -> str:
        moment = read(row)
        return times.clock(moment, desk.now()) if moment else ""

    return cell


KEYS: tuple[show.Column[Key], ...] = (
    show.Column("came_by", lambda row: row.way, lambda row, desk: desk.say(f"came.{row.way}")),
    show.Column("label", lambda row: row.label, whole=True),
    show.Column("force", lambda row: row.force, lambda row, desk: desk.say(f"force.{row.force}")),
    show.Column("since", lambda row: row.since, _moment(lambda row: row.since), room=110),
    show.Column("until", lambda row: row.until, _moment(lambda row: row.until)),
    show.Column("uses", lambda row: row.uses),
    show.Column("last_use", lambda row: row.last_at, _moment(lambda row: row.last_at)),
)


def keys(partner: Partner, uses: Sequence[CredentialUse], now: datetime) -> Iterator[Key]:
    """Everything that is declared, then what was used and is declared no more. A client's tokens stand beside its secrets."""
    used = {(use.way, use.label): use for use in uses}
    for each in partner.credentials:
        label = f"{each.client} {each.label}".strip()
        use = used.pop((each.way, label), None)
        yield Key(
            way=each.way,
            label=label,
            force=_force(each, now),
            since=each.starts,
            until=each.ends,
            uses=use.uses if use else 0,
            last_at=use.last_at if use else None,
        )
    if partner.access.form:
        use = used.pop((Way.OFFICER, FORM), None)
        count, last = (use.uses, use.last_at) if use else (0, None)
        yield Key(way=Way.OFFICER, label=FORM, force="in_force", uses=count, last_at=last)
    clients = {client.id for client in partner.access.clients}
    for (way, label), use in used.items():
        known = label in clients if way == Way.TOKEN else way == Way.BEARER_JWS
        force = "in_force" if known else "undeclared"
        yield Key(way=way, label=label, force=force, uses=use.uses, last_at=use.last_at)


def _force(credential: Credential, now: datetime) -> str:
    if credential.counts(now):
        return "in_force"
    return "not_yet" if credential.starts and now < credential.starts else "over"


async def access(partner: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        found = _declared(hub, partner)
        uses = await hub.store.access.uses(partner)
    show.rows(desk, KEYS, list(keys(found, uses, desk.now())), "nothing.ways")
    return Exit.OK


async def revoke(partner: str, /, *, client: str = "", reason: str = "", yes: Yes = False, desk: At) -> int:
    """Take back the tokens that were given out. The client may get new ones as long as its secret is declared."""
    async with desk.hub() as hub:
        found = _declared(hub, partner)
        clients = [each.id for each in found.access.clients]
        if client and client not in clients:
            raise Complaint("unknown.client", Exit.FAILED, name=client, known=", ".join(clients))
        named = client or ", ".join(clients)
        why = agreed(
            desk, [desk.say("consequence.revoke", partner=partner, client=named)], reason=reason, yes=yes
        )
        gone = await hub.store.access.revoke(partner, client=client, reason=why, by=desk.by, now=desk.now())
    desk.tell("told.revoked", number=gone, partner=partner)
    return Exit.OK


def _declared(hub: Hub, name: str) -> Partner:
    found = hub.partners.get(name)
    if found is None:
        raise Complaint("unknown.partner", Exit.FAILED, name=name, known=", ".join(hub.partners))
    return found
