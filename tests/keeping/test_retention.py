"""What is kept goes after its time and never before everything of it is delivered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Link
from hub.evidence.audit import Flaw
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Settlement
from hub.store.contract.intake import Numbered
from hub.store.contract.views import Filter
from hub.store.keeping import verify
from hub.store.sql import chain, retention
from hub.store.sql.retention import DAY
from hub.store.sql.times import micros
from hub.store.upkeep import Stage
from hub.store.vault import Unreadable
from schemas.problems import Refusal
from tests.doubles.chained import PATIENCE, audited, rooted
from tests.keeping.places import LARGE, Place
from tests.store.samples import acceptance, at, attempt, delivered, roomy, sealed
from tests.store.test_documents import bring, content, digest, naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from hub.store.contract.store import Store
    from hub.store.upkeep import Chunk

LONG = 100 * DAY
YEARS = timedelta(days=5000)


@dataclass
class Kept:
    place: Place
    store: Store

    def prune(self, stage: Stage, days: float, *, age: int = LONG, most: int = 100) -> Chunk:
        if stage is Stage.JOURNAL:
            self.chain()
        with self.place.keeper.writing() as db:
            return retention.prune(db, stage, age, micros(at(days * 86_400)), most)

    def chain(self) -> None:
        """What is not in the chain yet never goes."""
        ends = time.monotonic() + PATIENCE
        while True:
            with self.place.keeper.writing() as db:
                found = chain.find(db, 10_000)
                after = chain.longer(found, at(0))
                assert chain.grow(db, found, after, 0)
            if not found.runs and not after.frontier.gaps:
                return
            assert time.monotonic() < ends, after.frontier

    def cut_off(self, stage: Stage, days: float, *, most: int) -> None:
        with self.place.keeper.writing() as db:
            retention.prune(db, stage, LONG, micros(at(days * 86_400)), most)
            raise ZeroDivisionError

    def all_of_it(self, stage: Stage, days: float, *, most: int = 100) -> int:
        removed = 0
        while True:
            chunk = self.prune(stage, days, most=most)
            removed += chunk.removed
            if not chunk.more:
                return removed

    async def deliver(self, when: datetime) -> None:
        await self.store.tick(when)
        works = await self.store.claim("w", when, 1000, 30)
        for work in works:
            await self.store.seal(work.token, {work.transfer: sealed()})
        if works:
            await self.store.settle(works[0].token, [delivered(work.transfer) for work in works], when)

    async def raw(self, transfer: str) -> bytes:
        payloads = await self.store.payloads(transfer)
        assert payloads is not None
        return payloads.raw

    def sizes(self) -> dict[str, int]:
        with self.place.keeper.snapshot() as db:
            return {
                table: next(iter(db.execute(f"SELECT count(*) FROM {table}")))[0]  # noqa: S608 - names below
                for table in (
                    "message",
                    "transfer",
                    "sealed",
                    "attempt",
                    "seen",
                    "dossier",
                    "alias",
                    "told",
                    "datakey",
                    "receipt",
                )
            }


@pytest.fixture
async def kept(place: Place) -> AsyncIterator[Kept]:
    store = place.open()
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    yield Kept(place, store)
    assert await store.conservation() == ()
    await store.close()
    assert verify.store(place.keeper, place.bodies(), whole=True).broken == ()


async def last(kept: Kept, when: datetime) -> None:
    """The newest message of all is never removed, so that numbers are not used again; let it be another one."""
    await kept.store.accept(acceptance("last", partners=(), when=when))


async def test_payloads_go_after_their_time_and_the_record_stays(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1", dossier="d1", raw=LARGE))
    await kept.deliver(at(10))
    await last(kept, at(20))
    assert kept.prune(Stage.PAYLOADS, 99).removed == 0
    assert await kept.raw("m1.so-tnmt.0") == LARGE
    assert kept.prune(Stage.PAYLOADS, 101).removed == 1
    with pytest.raises(Unreadable, match="its time was over"):
        await kept.raw("m1.so-tnmt.0")
    assert (await kept.store.attempts("m1.so-tnmt.0"))[0].attempt.exchanges
    view = await kept.store.transfer("m1.so-tnmt.0")
    assert view is not None
    assert view.state is State.DELIVERED


async def test_the_time_begins_when_the_last_transfer_ended(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1"))
    await last(kept, at(20))
    await kept.deliver(at(50 * 86_400))
    assert kept.prune(Stage.PAYLOADS, 120).removed == 0
    assert kept.prune(Stage.PAYLOADS, 149).removed == 0
    assert kept.prune(Stage.PAYLOADS, 151).removed == 1


@pytest.mark.parametrize(
    "move", [None, Move.REFUSE, Move.PARK, Move.EXHAUST], ids=["in doubt", "refused", "parked", "dead"]
)
async def test_nothing_of_what_is_not_delivered_ever_goes(kept: Kept, move: Move | None) -> None:
    await kept.store.accept(acceptance("m1", raw=LARGE))
    await last(kept, at(1))
    (work,) = await kept.store.claim("w", at(2), 10, 30)
    await kept.store.seal(work.token, {work.transfer: sealed()})
    await kept.store.settle(
        work.token, [Settlement(transfer=work.transfer, move=move, attempts=(attempt("refused"),))], at(3)
    )
    before = kept.sizes()
    for stage in Stage:
        kept.all_of_it(stage, 5000)
    after = kept.sizes()
    assert after == before
    assert await kept.raw("m1.so-tnmt.0") == LARGE
    assert (await kept.store.journal(message="m1"))[0].what == "accepted"


async def test_what_still_waits_for_its_receipt_is_not_finished(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1"))
    await last(kept, at(1))
    (work,) = await kept.store.claim("w", at(2), 10, 30)
    await kept.store.seal(work.token, {work.transfer: sealed()})
    awaited = delivered(work.transfer, receipt_by=at(0) + YEARS)
    assert await kept.store.settle(work.token, [awaited], at(3))
    assert kept.all_of_it(Stage.PAYLOADS, 1000) == 0
    assert await kept.raw(work.transfer)


async def test_nothing_of_a_dossier_goes_while_something_of_it_waits(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1", dossier="d1"))
    await kept.deliver(at(10))
    await kept.store.pause("so-tnmt", paused=True, reason="r", by="an", now=at(11))
    await kept.store.accept(acceptance("m2", dossier="d1", version=1, when=at(12)))
    await last(kept, at(20))
    for stage in (Stage.PAYLOADS, Stage.EVIDENCE, Stage.RECORDS):
        assert kept.prune(stage, 500).removed == 0
    assert kept.prune(Stage.JOURNAL, 500).removed == 2, "who paused the partner, and the last message"
    await kept.store.pause("so-tnmt", paused=False, reason="r", by="an", now=at(501 * 86_400))
    await kept.deliver(at(501 * 86_400))
    assert kept.prune(Stage.PAYLOADS, 502).removed == 1, "m1 ended long ago, and nothing of its dossier waits"
    assert kept.prune(Stage.PAYLOADS, 602).removed == 1


async def test_figures_stay_what_they_are_when_the_records_go(kept: Kept) -> None:
    """What says that a message is set aside goes with its dossier: so its fact goes, too."""
    for n, aside in enumerate((b"", b'{"fate":"set_aside"}')):
        told = Numbered(hub="h", no=n + 1, telling=b"{}", aside=aside)
        new = acceptance(f"m{n}", dossier="d1", version=n, partners=(), when=at(n))
        await kept.store.accept(msgspec.structs.replace(new, fact=b"%d" % n, numbered=told))
    await last(kept, at(20 * 86_400))
    before = [each.fact for each in await kept.store.ledger.facts()]
    assert before == [b"0"]
    assert kept.prune(Stage.RECORDS, 500).removed >= 2
    assert [each.fact for each in await kept.store.ledger.facts()] == before


async def test_records_go_with_all_that_hangs_on_them_and_the_dossier_with_its_last(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1", dossier="d1", raw=LARGE, partners=("so-tnmt", "dvcqg")))
    await kept.deliver(at(10))
    await kept.store.accept(acceptance("m2", dossier="d1", version=1, when=at(20 * 86_400)))
    await kept.deliver(at(20 * 86_400 + 1))
    await last(kept, at(20 * 86_400 + 2))
    assert kept.all_of_it(Stage.RECORDS, 110) == 1
    assert (await kept.store.dossier("d1")) is not None
    assert kept.all_of_it(Stage.RECORDS, 130) == 1
    sizes = kept.sizes()
    assert sizes["message"] == 1, "the last one"
    assert sizes["seen"] == 1
    assert {
        name: size for name, size in sizes.items() if size and name not in ("message", "seen", "datakey")
    } == {}
    assert await kept.store.dossier("d1") is None
    accepted = await kept.store.accept(acceptance("m9", dossier="d9", when=at(140 * 86_400)))
    assert not accepted.replayed


async def test_a_key_is_remembered_for_as_long_as_its_record(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1", key="k"))
    await kept.deliver(at(10))
    await last(kept, at(20))
    kept.all_of_it(Stage.PAYLOADS, 300)
    kept.all_of_it(Stage.EVIDENCE, 300)
    again = await kept.store.accept(acceptance("other", key="k", raw=b'{"message":"m1"}'))
    assert (again.replayed, again.message, again.receipt) == (True, "m1", b"receipt of m1")
    with pytest.raises(Refusal, match="HUB-IDM-002"):
        await kept.store.accept(acceptance("other", key="k", raw=b"other bytes"))


async def test_files_of_large_content_are_let_go_and_the_sweep_takes_them(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1", raw=LARGE))
    await kept.deliver(at(10))
    await last(kept, at(20))
    assert len(list(kept.place.keeper.blobs.files())) == 1
    kept.all_of_it(Stage.PAYLOADS, 300)
    await kept.store.documents.sweep(at(0) + YEARS, grace=0, quarantine=0)
    assert list(kept.place.keeper.blobs.files()) == []


@pytest.mark.parametrize("stage", [Stage.PAYLOADS, Stage.EVIDENCE, Stage.RECORDS])
async def test_nothing_of_a_message_goes_while_a_link_to_its_documents_may_be_asked_for(
    kept: Kept, stage: Stage
) -> None:
    data = content(100_000)
    await bring(kept.store, "u1", data)
    await kept.store.accept(naming("m1", digest(data)))
    (work,) = await kept.store.claim("w", at(2), 10, 30)
    grace = 200 * 86_400.0
    link = Link(uid="7f", sha256=digest(data), media_type="a/b", name="n", grace=grace)
    assert await kept.store.seal(
        work.token, {work.transfer: msgspec.structs.replace(sealed(), links=(link,))}
    )
    assert await kept.store.settle(work.token, [delivered(work.transfer)], at(10))
    await last(kept, at(20))
    assert kept.all_of_it(stage, 150) == 0
    assert await kept.raw(work.transfer)
    reach = await kept.store.documents.reach("7f", at(150 * 86_400))
    assert reach is not None
    assert b"".join([piece async for piece in kept.store.documents.read(reach, 0, 100_000)]) == data
    await kept.store.documents.sweep(at(210 * 86_400), grace=0, quarantine=0)
    assert kept.all_of_it(stage, 300) == 1


async def test_what_went_stands_in_the_journal_in_numbers_and_digests(kept: Kept) -> None:
    for n in range(5):
        await kept.store.accept(acceptance(f"m{n}"))
    await kept.deliver(at(10))
    await last(kept, at(20))
    kept.prune(Stage.PAYLOADS, 300, most=3)
    kept.prune(Stage.PAYLOADS, 300, most=3)
    rows = [row for row in await kept.store.journal(limit=1000) if row.what == "pruned"]
    assert [
        (row.facts["stage"], row.facts["count"], row.facts["first"], row.facts["last"]) for row in rows
    ] == [
        ("payloads", "3", "m0", "m2"),
        ("payloads", "2", "m3", "m4"),
    ]
    assert len({row.facts["digest"] for row in rows}) == 2


async def test_the_journal_goes_by_its_own_age_and_says_what_went(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1"))
    await kept.deliver(at(10))
    before = len(await kept.store.journal(limit=1000))
    chunk = kept.prune(Stage.JOURNAL, 300)
    assert chunk.removed == before
    (row,) = await kept.store.journal(limit=1000)
    assert (row.what, row.facts["count"], row.facts["stage"]) == ("pruned", str(before), "journal")
    assert row.seq > before


async def test_a_round_that_is_cut_off_goes_on_where_it_was(kept: Kept) -> None:
    for n in range(7):
        await kept.store.accept(acceptance(f"m{n}"))
    await kept.deliver(at(10))
    await last(kept, at(20))
    with pytest.raises(ZeroDivisionError):
        kept.cut_off(Stage.PAYLOADS, 300, most=3)
    removed = [kept.prune(Stage.PAYLOADS, 300, most=3).removed for _ in range(4)]
    assert removed == [3, 3, 1, 0]


async def test_a_survey_counts_what_would_go_and_changes_nothing(kept: Kept) -> None:
    for n in range(7):
        await kept.store.accept(acceptance(f"m{n}", problem="HUB-MAP-001" if n < 2 else ""))
    await kept.deliver(at(10))
    await last(kept, at(20))
    with kept.place.keeper.snapshot() as db:
        survey = retention.survey(db, Stage.PAYLOADS, LONG, micros(at(300 * 86_400)), 3)
    assert (survey.remove, survey.keep) == (5, 2)
    assert kept.all_of_it(Stage.PAYLOADS, 300, most=3) == 5


async def test_numbers_are_never_used_again(kept: Kept) -> None:
    """Where each stage stands is a number: one that came again would pass by what is new."""
    for round_ in range(3):
        for n in range(4):
            await kept.store.accept(acceptance(f"r{round_}m{n}", when=at(round_ * 200 * 86_400)))
        await kept.deliver(at(round_ * 200 * 86_400 + 1))
        for stage in (Stage.PAYLOADS, Stage.EVIDENCE, Stage.RECORDS):
            kept.all_of_it(stage, round_ * 200 + 150)
    views = await kept.store.transfers(Filter(limit=100))
    assert [view.message for view in views] == ["r2m3"]


# --- the journal's chain ----------------------------------------------------------------------------------------------


async def test_journal_rows_stay_until_they_are_in_the_chain(kept: Kept) -> None:
    await kept.store.accept(acceptance("m1"))
    await kept.deliver(at(10))
    with kept.place.keeper.writing() as db:
        assert retention.prune(db, Stage.JOURNAL, LONG, micros(at(900 * 86_400)), 100).removed == 0
    assert kept.prune(Stage.JOURNAL, 900).removed > 0


async def test_what_remains_of_a_pruned_journal_still_verifies_and_says_what_went(kept: Kept) -> None:
    for n in range(5):
        await kept.store.accept(acceptance(f"m{n}", when=at(n)))
    await kept.deliver(at(10))
    kept.chain()
    await rooted(kept.store)
    assert kept.prune(Stage.JOURNAL, 500, most=3).removed == 3
    assert kept.prune(Stage.JOURNAL, 500, most=100).removed > 3
    kept.chain()
    await rooted(kept.store)
    assert await audited(kept.store) == []
    later = kept.prune(Stage.JOURNAL, 2000)
    assert later.removed == 0, "who removed what is part of what proves the rest"
    kept.chain()
    with kept.place.keeper.writing() as db:
        db.execute("DELETE FROM journal WHERE what='pruned' AND seq=(SELECT min(seq) FROM journal)")
    assert {each.flaw for each in await audited(kept.store)} == {Flaw.REMOVED}
