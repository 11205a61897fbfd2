"""``lienthong key list|compromise`` and ``partner distrust``: the hub's own signing keys, and taking a certificate out of use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.cli import columns, opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.settings.values import moment
from hub.trust.contract import Barred
from signing.keys.generations import Generation, State, signing, states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.cli.opening import Hub
    from hub.trust.forecast import Pinned
    from signing.keys.ring import KeyRing

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
COLOURS = {State.ACTIVE: "green", State.PENDING: "yellow", State.COMPROMISED: "red"}


@dataclass(frozen=True)
class Held:
    """``partners``: who receives what is signed with the key."""

    key: str
    generation: Generation
    state: State
    partners: Sequence[str] = ()


KEYS: tuple[show.Column[Held], ...] = (
    show.Column("key", lambda row: row.key, whole=True),
    show.Column("generation", lambda row: row.generation.id, whole=True),
    show.Column(
        "state",
        lambda row: str(row.state),
        lambda row, desk: desk.say(f"keystate.{row.state}"),
        lambda row, _: COLOURS.get(row.state, "bright_black"),
    ),
    show.Column(
        "begins", lambda row: row.generation.begins, lambda row, _: times.local(row.generation.begins)
    ),
    show.Column("ends", lambda row: row.generation.ends, lambda row, _: times.local(row.generation.ends)),
    show.Column("partners", lambda row: list(row.partners)),
    show.Column("subject", lambda row: row.generation.key.subject, room=140),
    show.Column("fingerprint", lambda row: row.generation.key.fingerprint, room=180),
)


async def list_(*, desk: At) -> int:
    async with desk.hub() as hub:
        found = await _held(hub, opening.keys(desk.settings), desk.now())
    show.rows(desk, KEYS, found, "nothing.keys")
    return Exit.OK


async def _held(hub: Hub, ring: KeyRing, now: datetime) -> list[Held]:
    barred = {one.fingerprint for one in await hub.store.trust.barred()}
    return [
        Held(name, one, state, _receivers(hub, name))
        for name in ring.names()
        for one, state in states(ring.generations(name), now, barred)
    ]


def _receivers(hub: Hub, key: str) -> list[str]:
    told = ((each.id, each.receives) for each in hub.partners.values())
    return [id_ for id_, what in told if what and what.signature and what.signature.key == key]


PINS: tuple[show.Column[Pinned], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("file", lambda row: row.file, whole=True),
    show.Column("begins", lambda row: row.pin.not_before, lambda row, _: times.local(row.pin.not_before)),
    show.Column("ends", lambda row: row.pin.not_after, lambda row, _: times.local(row.pin.not_after)),
    show.Column("subject", lambda row: row.pin.subject, room=140),
    show.Column("fingerprint", lambda row: row.pin.fingerprint, room=180),
)


async def distrust(
    partner: str, certificate: str, /, *, since: str = "", reason: str = "", yes: Yes = False, desk: At
) -> int:
    """Take a pinned certificate out of use, for all processes and for good. ``certificate``: its file's name, or how its
    fingerprint begins.
    """
    at = _since(since, desk.now())
    async with desk.hub() as hub:
        pins = [one for one in opening.pins(desk.settings) if one.partner == partner]
        named = [
            one for one in pins if one.file == certificate or one.pin.fingerprint.startswith(certificate)
        ]
        if not named:
            known = ", ".join(f"{one.file} ({one.pin.fingerprint[:16]})" for one in pins) or "–"
            raise Complaint("unknown.pin", Exit.FAILED, name=f"{partner} {certificate}", known=known)
        others = len({one.pin.fingerprint for one in pins} - {one.pin.fingerprint for one in named})
        sentence = desk.say("consequence.distrust", partner=partner, file=named[0].file, others=others)
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        for one in named:
            told = Barred(
                fingerprint=one.pin.fingerprint,
                name=f"{partner}: {one.file}",
                since=at,
                at=desk.now(),
                by=desk.by,
                reason=why,
            )
            await hub.store.trust.bar(told)
    show.rows(desk, PINS, named, "nothing.keys")
    return Exit.OK


async def compromise(
    key: str, generation: str, /, *, since: str = "", reason: str = "", yes: Yes = False, desk: At
) -> int:
    """Take a generation out of use, for all processes and for good. ``since``: from when on it may have been in other hands."""
    ring, now = opening.keys(desk.settings), desk.now()
    one = _named(ring, key, generation)
    at = _since(since, now)
    async with desk.hub() as hub:
        barred = {each.fingerprint for each in await hub.store.trust.barred()}
        if one.key.fingerprint in barred:
            desk.tell("already.barred", key=key, generation=generation)
            return Exit.OK
        after = signing(ring.generations(key), now, barred | {one.key.fingerprint})
        values = {"key": key, "generation": generation, "partners": ", ".join(_receivers(hub, key)) or "–"}
        word = "consequence.compromise" if after else "consequence.compromise_last"
        why = agreed(
            desk, [desk.say(word, next=after.id if after else "–", **values)], reason=reason, yes=yes
        )
        told = Barred(
            fingerprint=one.key.fingerprint,
            name=f"{key} {generation}",
            since=at,
            at=now,
            by=desk.by,
            reason=why,
        )
        await hub.store.trust.bar(told)
        found = await _held(hub, ring, now)
    show.rows(desk, KEYS, [each for each in found if each.key == key], "nothing.keys")
    desk.tell("barred.next", key=key, generation=generation)
    return Exit.OK


async def signed(
    key: str, generation: str, /, *, since: str = "", after: int = 0, limit: int = 100, desk: At
) -> int:
    """What it signed: receipts (``accepted``), sealed transfers (``sealed``), envelopes of attempts. ``since``: from when on."""
    fingerprint = _named(opening.keys(desk.settings), key, generation).key.fingerprint
    at = _since(since, desk.now()) if since else FIRST
    async with desk.hub() as hub:
        found = await hub.store.signed(fingerprint, at, after, limit)
    show.rows(desk, columns.JOURNAL, found, "nothing.signed")
    if len(found) >= limit > 0:
        desk.tell("more", command=f"--after {found[-1].seq}")
    return Exit.OK


def _named(ring: KeyRing, key: str, generation: str) -> Generation:
    known = {(name, one.id): one for name in ring.names() for one in ring.generations(name)}
    if (key, generation) not in known:
        listed = ", ".join(" ".join(each) for each in known) or "–"
        raise Complaint("unknown.key", Exit.FAILED, name=f"{key} {generation}", known=listed)
    return known[key, generation]


def _since(said: str, now: datetime) -> datetime:
    if not said:
        return now
    try:
        found = moment(said)
    except ValueError:
        raise Complaint("usage.moment", Exit.USAGE, name="--since") from None
    return min(found, now)
