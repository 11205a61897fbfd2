"""The board of hubs below and this hub's own report, made from the store and what is declared today."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.registries import versions
from hub.registries.comparing import Change
from hub.replicating import laying, renewing, reports, succession
from hub.replicating.board import Edge, Line, World, board
from hub.replicating.hook import Replicating
from hub.replicating.reports import Report
from hub.rounds.watch import BALANCE, SURVEY
from hub.settings import replica
from hub.settings.file import Settings  # noqa: TC001 - a named tuple's field
from hub.version import own_version
from hub.wiring import declared
from hub.wiring.parts import utc_now
from hub.wiring.replicas import giving, hub_code, places_of, taking
from hub.wiring.tools import keys_of
from schemas.agencies import Agency  # noqa: TC001
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from hub.edges.peers import Peer
    from hub.partners.partner import Partner
    from hub.receipts.receipts import Confirm
    from hub.store.contract.replicas import Kept
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared


def edges_of(partners: Iterable[Partner]) -> tuple[Edge, ...]:
    """The hubs below, as their files declare them."""
    return tuple(
        Edge(
            partner=each.id,
            name={"vi": each.name.vi, "en": each.name.en},
            agency=each.agency,
            serves=each.party.serves,
        )
        for each in partners
        if each.party.hub == "child"
    )


async def boarded(store: Store, edges: tuple[Edge, ...], hub: str, now: datetime) -> tuple[Line, ...]:
    """Make the board of edges. ``hub``: what this one is called."""
    kept = await store.replicas.newest(hub)
    return board(
        World(
            edges=edges,
            links=await store.edges.links(),
            waiting={each.partner: await store.edges.waiting(each.partner) for each in edges},
            told=await store.replicas.reports(),
            successions=await store.replicas.successions(),
            newest=kept.number if kept else 0,
            now=now,
            today=now.astimezone(VIETNAM).date(),
        )
    )


class Own(NamedTuple):
    """What this hub knows of itself beside its store. ``above``: the partner that is the hub above; ``ends``: when the certificate does that it
    shows there; ``problem``: why the newest version does not stand here; ``figures``: digests of published periods.
    """

    hub: str
    above: str
    ends: datetime | None = None
    problem: str = ""
    figures: Mapping[str, str] = MappingProxyType({})


async def reported(store: Store, settings: Settings, own: Own, now: datetime) -> Report:
    """Say how this hub is."""
    queue = await store.queue()
    link = await store.edges.link(own.above)
    waits = await store.edges.waiting(own.above)
    verdicts = [await store.verdict(name) for name in (BALANCE, SURVEY)]
    laid = laying.read(replica.record(settings))
    known = await store.replicas.newest(laid.hub) if laid.hub else None
    disk = os.statvfs(settings.data)
    return Report(
        hub=own.hub,
        at=now,
        software=own_version(),
        epoch=link.made.epoch,
        stands=laid.number,
        known=known.number if known else 0,
        problem=own.problem,
        queue=reports.summed({state: row.real(state) for state in row.counts} for row in queue),
        oldest=min((row.oldest for row in queue if row.oldest), default=None),
        up=waits.unsealed + waits.offered + waits.under_way,
        up_since=waits.oldest,
        disk_free=disk.f_bavail * disk.f_frsize,
        ahead=link.ahead,
        broken=tuple(rule for verdict in verdicts if verdict for rule in verdict.broken),
        ends=own.ends,
        figures=dict(own.figures),
        below=tuple(await _below(store)),
    )


async def _below(store: Store) -> list[Report]:
    """What those below told last; one that cannot be read any more stays out."""
    found = []
    for told in await store.replicas.reports():
        try:
            found.append(_named(reports.read(told.body), told.partner))
        except Refusal:
            continue
    return found


def _named(report: Report, partner: str) -> Report:
    return msgspec.structs.replace(report, partner=partner)


class Planned(NamedTuple):
    """What the registry will say of agencies that are taken over. ``folder``: where processes are asked to begin anew."""

    settings: Settings
    rows: tuple[Agency, ...]
    heir: str
    folder: Path

    def store(self, now: datetime) -> tuple[Path, ...]:
        """Write it as a version of this site's registries. Raises ``Refusal`` HUB-CFG-002 when it could not be read then."""
        changes = [Change(kind="changed", of="agency", code=row.code, row=row) for row in self.rows]
        day = now.astimezone(VIETNAM).date()
        site = places_of(self.settings).registries
        return versions.store(site, SUCCESSION, day, changes, declared.code_lists_of(self.settings))


SUCCESSION = "succession"
"""Stands where a version of the registries names who published it."""


def successors(settings: Settings, old: Sequence[str], new: str, begins: date) -> Planned:
    """Raises ``Refusal`` HUB-EDG-045."""
    agencies, _ = declared.registries_of(settings)
    pairs = [succession.heir_of(agencies, each, new, begins) for each in old]
    heir = agencies.require(new).code
    return Planned(settings, tuple(row for row, _ in pairs), heir, settings.data / replica.FOLDER)


async def publish(
    store: Store, settings: Settings, sign: Confirm, *, by: str, reason: str, from_day: date
) -> Kept | None:
    """``sign``: by the key that hubs below know."""
    return await giving(store, settings, hub_code(settings), sign).publish(by, reason, from_day)


def replicating(store: Store, what: Declared, above: Peer) -> Replicating:
    """What belongs to each round with the hub above beside batches."""
    settings = what.settings
    partner = next(each for each in what.partners if each.id == above.partner)
    proof = partner.sends.signature if partner.sends else None
    takes = taking(store, settings, above.code, proof.pins if proof else ())
    name = settings.hub.key or settings.evidence.key
    folder = settings.data / replica.FOLDER

    async def says(problem: str) -> Report:
        now = utc_now()
        ends = keys_of(settings, name).key(name, now).certificate.not_valid_after_utc
        own = Own(hub=hub_code(settings), above=above.partner, ends=ends, problem=problem)
        return await reported(store, settings, own, now)

    async def renew() -> None:
        renewing.ask(folder, utc_now())

    return Replicating(takes, says, renew)
