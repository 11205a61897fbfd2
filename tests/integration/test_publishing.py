"""Catalogues brought to partners: once for each version, by whichever worker, with what became of it; to newcomers, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hub.going_live.staging import Standing
from hub.judging.contract import Recipient, Said
from hub.judging.trying import trial
from hub.registries.catalogues import digest
from hub.rounds.publishing import Publishing
from hub.routing.parties import Party
from hub.settings.file import load
from hub.store.contract.catalogues import Version
from hub.store.contract.stages import Promotion, Staged
from hub.store.contract.views import Filter
from hub.wiring.parts import store_of
from hub.wiring.worker import open_worker
from schemas.agencies import Agencies
from tests.integration.delivery_house import Partner, house, now, until
from tests.store.samples import acceptance, at, transfer
from tests.unit.test_pushing import KIND, document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.store.contract.store import Store
    from schemas.dossier import Message
    from tests.integration.delivery_house import House

AGENCIES = Agencies.load()
LAND, DESK = (Party(partner_id=name, agency="000.00.15.H47", kinds=(KIND,)) for name in ("land", "desk"))


def publishing(hub: House, store: Store, *parties: Party) -> Publishing:
    def encoded(message: Message, identity: str, partner: str) -> Sequence[Said]:
        codec = hub.partners[partner].codec
        return tuple(trial(message, identity, Recipient(partner=partner, kinds=frozenset(), codec=codec)))

    standing = Standing(store.stages, parties, AGENCIES, store.catalogues)
    return Publishing(store, standing, encoded, now=now)


async def published(store: Store, number: int, id: str = "procedures") -> None:  # noqa: A002 - the field's word
    new = Version(
        id=id,
        version=number,
        effective=at(0).date(),
        at=at(number),
        digest=digest(document()),
        signature="",
        by="an",
        reason="QD-5",
    )
    assert await store.catalogues.publish(new, document())


async def test_a_version_is_brought_once_by_whichever_worker_and_its_receipt_is_seen(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await published(hub.store, 1)
        rounds = [publishing(hub, store, LAND).round() for store in (hub.store, hub.eye)]
        assert sum(await asyncio.gather(*rounds)) == 1
        (pushed,) = await hub.store.catalogues.pushed("procedures")
        assert (pushed.partner, pushed.version, pushed.delivered_at) == ("land", 1, None)
        async with hub.working():
            await until(lambda: _delivered(hub))
        assert await publishing(hub, hub.store, LAND).round() == 0
        ((_, parcel),) = land.heard
        assert KIND in parcel.sealed.payload.decode()
    assert land.journal == [parcel.key]


async def _delivered(hub: House) -> bool:
    (pushed,) = await hub.eye.catalogues.pushed()
    return pushed.delivered_at is not None


async def test_the_store_itself_brings_no_version_twice(tmp_path: Path) -> None:
    """Two that decided at once, on what each of them read."""
    async with house(tmp_path, land=Partner(), desk=Partner()) as hub:
        await published(hub.store, 1)
        one, other = (publishing(hub, hub.store, *who) for who in ((LAND,), (DESK, LAND)))
        for each in (one, other):
            await each._standing.read()
        (first,), (second,) = await one._owed(), await other._owed()
        assert await one._push(first)
        assert not await other._push(second)
        assert [each.partner for each in await hub.store.transfers(Filter())] == ["land"]
        assert await other.round() == 1, "and whom it left out gets it in the next round"
        assert {each.partner for each in await hub.store.transfers(Filter())} == {"land", "desk"}


async def test_a_newcomer_is_brought_what_is_in_force_and_who_fetched_it_is_not(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner(), desk=Partner()) as hub:
        for number in (1, 2):
            await published(hub.store, number)
        await hub.store.catalogues.fetched("desk", "procedures", 2, at(5))
        assert await publishing(hub, hub.store, LAND, DESK).round() == 1
        assert [(each.partner, each.version) for each in await hub.store.catalogues.pushed()] == [("land", 2)]


async def test_a_stage_that_changes_meanwhile_is_decided_anew(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner()) as hub:
        await published(hub.store, 1)
        here = publishing(hub, hub.store, LAND)
        await here._standing.read()
        (owed,) = await here._owed()
        new = Staged(partner="land", procedure="", stage="trial", at=at(2), by="an", reason="QD-1")
        await hub.eye.stages.promote(Promotion(staged=new, edition=0, becomes=lambda _: ("live", "trial")))
        assert not await here._push(owed)
        assert await here.round() == 0
        assert await hub.store.catalogues.pushed() == ()


async def test_what_became_of_it_stays_when_the_transfer_is_forgotten(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner()) as hub:
        await published(hub.store, 1)
        here = publishing(hub, hub.store, LAND)
        await here.round()
        async with hub.working():
            await until(lambda: _delivered(hub))
        await here.round()
        (before,) = await hub.store.catalogues.pushed()
        hub.store._writes._db.execute("UPDATE catalogue_push SET transfer='gone'")  # type: ignore[attr-defined]
        (after,) = await hub.eye.catalogues.pushed()
        assert after == msgspec.structs.replace(before, transfer="gone")


PARTNER = """
id = "so-tnmt"
agency = "000.00.15.H47"
room = "mailbox"
name = { vi = "Sở", en = "Department" }
[access]
api_keys = ["sha256:ab"]
[receives]
kinds = ["received", "catalogue_published"]
role = "decides"
mapping = "lienthong.message@1"
authority = "000.00.00.H47"
"""


async def test_a_worker_that_starts_brings_what_is_owed_and_lets_no_trial_wait_for_who_is_live(
    tmp_path: Path,
) -> None:
    """By the settings and partner files alone: the file said trial when the trial came in."""
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "so-tnmt.toml").write_text(PARTNER.replace("ab", "ab" * 32), "utf-8")
    settings = tmp_path / "lienthong.toml"
    settings.write_text('data = "data"\npartners = "partners"\n', "utf-8")
    store = store_of(load(settings))
    try:
        tried = msgspec.structs.replace(transfer("m1"), stage="trial")
        await store.accept(acceptance("m1", transfers=(tried,)))
        await published(store, 1)
        async with open_worker(settings):
            await until(lambda: _brought(store))
            found = await store.transfers(Filter(partner="so-tnmt"))
        assert {(each.kind, each.stage, str(each.state)) for each in found} == {
            ("received", "trial", "withdrawn"),
            (KIND, "live", "waiting"),
        }
    finally:
        await store.close()


async def _brought(store: Store) -> bool:
    return bool(await store.catalogues.pushed("procedures"))
