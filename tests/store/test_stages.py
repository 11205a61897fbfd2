"""Stages, from a message to its transfers on every engine: who is trusted with what, and what a change makes of what waits."""

from __future__ import annotations

import asyncio
from itertools import count, product
from typing import TYPE_CHECKING, NamedTuple, get_args

import msgspec
import pytest

from connectors.contract import Sealed
from hub.going_live.stages import EVERY, Stage
from hub.going_live.staging import Standing, clear, overlaid, signed
from hub.intake.acceptance import Accepting
from hub.judging.contract import Inbound, Judged, Said
from hub.lifecycle import Move, State
from hub.metrics.page import page
from hub.routing.parties import Party, roster
from hub.routing.router import Router
from hub.routing.table import load
from hub.store.contract.catalogues import Version
from hub.store.contract.mending import Correction, Rerouting
from hub.store.contract.stages import Leave, Promoted, Promotion, Staged
from hub.store.contract.store import Stale
from hub.store.contract.views import Filter
from hub.story import record
from schemas import workdays
from schemas.agencies import Agencies
from schemas.dossier import Dossier, Event, Kind, Message, Procedure, to_json
from schemas.problems import Refusal
from schemas.procedures import Procedures
from tests.store.samples import at, delivered, roomy

if TYPE_CHECKING:
    from hub.going_live.stages import Queued
    from hub.store.contract.intake import Acceptance, Accepted
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from hub.story.record import Story
    from tests.store.engines import Open

PROVINCE, LAND, TAX = "000.00.00.H47", "000.00.15.H47", "000.00.47.G12"
KINDS = tuple(str(kind) for kind in Kind)
AGENCIES = Agencies.load()
ROUTER = Router(table=load(AGENCIES), agencies=AGENCIES, procedures=Procedures.load(AGENCIES))
DAYS = workdays.load()
PARTIES = (
    Party(partner_id="desk", agency=PROVINCE, sends=KINDS, role="informed"),
    Party(partner_id="land", agency=LAND, kinds=KINDS, sends=KINDS),
)
STAGES: tuple[Stage, ...] = get_args(Stage)
NUMBERS = count(1)
pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""


class Heard(NamedTuple):
    """What one says."""

    code: str
    kind: Kind = Kind.RECEIVED
    sender: str = "desk"
    trial: bool = False
    procedure: str = "1.009999"


def judged(said: Heard) -> Judged:
    key = f"k-{next(NUMBERS)}"
    agency = {"desk": PROVINCE, "land": LAND}[said.sender]
    message = Message(
        event=Event(kind=said.kind, at=at(0)),
        key=key,
        sender=said.sender,
        agency=agency,
        dossier=Dossier(code=said.code, procedure=Procedure(national=said.procedure)),
    )
    return Judged(
        sender=said.sender,
        key=key,
        digest=f"{next(NUMBERS):064}",
        size=3,
        media_type="application/json",
        format="motcua.rest@1",
        kind=said.kind,
        canonical=to_json(message),
        agency=agency,
        authority=PROVINCE,
        code=said.code,
        received_by=PROVINCE,
        may_create=True,
        trials={party.partner_id: (Said(operation="say"),) for party in PARTIES},
        trial=said.trial,
    )


class Hub:
    """The back half of intake over one session, and a person who changes stages."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.standing = Standing(store.stages, PARTIES, AGENCIES, store.catalogues)
        self.decide = Accepting(router=ROUTER, parties=(), days=DAYS, standing=self.standing)

    async def decided(self, said: Heard) -> Acceptance:
        told = judged(said)
        known = await self.store.known(PROVINCE, said.code)
        inbound = Inbound(message="m", sender=said.sender, headers={}, received_at=at(0), body=b"raw")
        return self.decide(told, known, inbound, at(1))

    async def say(self, said: Heard) -> Accepted:
        await self.standing.read()
        return await self.store.accept(await self.decided(said))

    async def transfers(self, accepted: Accepted) -> list[TransferView]:
        message = await self.store.message(accepted.message)
        assert message is not None
        found = [await self.store.transfer(each) for each in message.transfers]
        return [each for each in found if each is not None]

    async def change(
        self, partner: str, stage: Stage, *, procedure: str = EVERY, queued: Queued = "finish"
    ) -> Promoted:
        known = await self.store.stages.stages()
        new = Staged(partner=partner, procedure=procedure, stage=stage, at=at(2), by="an", reason="QD-1")
        rosters = [
            roster(overlaid(PARTIES, staged), AGENCIES) for staged in (known.staged, (*known.staged, new))
        ]

        def becomes(raw: bytes) -> tuple[Stage, Stage]:
            story = record.from_json(raw) if raw else None
            was, now = (ROUTER.stage(story, each, partner, on=at(2).date()) for each in rosters)
            return was, now

        what = Promotion(staged=new, edition=known.edition, becomes=becomes, queued=queued)
        return await self.store.stages.promote(signed(what, "live", lambda *_: ""))

    async def stage_of(self, code: str) -> Stage:
        known = await self.store.known(PROVINCE, code)
        assert known is not None
        return record.from_json(known.story).stage

    async def state(self, view: TransferView) -> State:
        found = await self.store.transfer(view.id)
        assert found is not None
        return found.state


@pytest.fixture
def hub(store: Store) -> Hub:
    return Hub(store)


def code() -> str:
    return f"{PROVINCE}-261120-{next(NUMBERS):04}"


REAL: dict[tuple[str, Stage], list[tuple[str, str]]] = {
    ("live", "live"): [("live", "waiting")],
    ("live", "parallel"): [("parallel", "waiting")],
    ("parallel", "parallel"): [("parallel", "waiting")],
    ("trial", "trial"): [("trial", "waiting")],
}
"""(what a message counts as, the decider's stage) → its transfers; everything else is parked, and says as what."""


@pytest.mark.parametrize("trial", [False, True])
async def test_every_pair_of_stages_sends_what_it_may_and_nothing_else(hub: Hub, trial: bool) -> None:
    for sender, recipient in product(STAGES, STAGES):
        await hub.change("desk", sender)
        await hub.change("land", recipient)
        said = Heard(code(), trial=trial)
        found = await hub.transfers(await hub.say(said))
        traffic = "trial" if trial else sender
        expected = REAL.get((traffic, recipient), [("live" if traffic == "retired" else traffic, "parked")])
        assert [(view.stage, view.state) for view in found if view.partner == "land"] == expected, (
            sender,
            recipient,
        )
        assert {view.partner for view in found} == {"land"}
        assert await hub.stage_of(said.code) == ("live" if traffic == "retired" else traffic)


async def test_a_dossier_that_began_as_a_trial_stays_one_whoever_goes_live(hub: Hub) -> None:
    for partner in ("desk", "land"):
        await hub.change(partner, "trial")
    said = Heard(code())
    await hub.say(said)
    for partner in ("desk", "land"):
        await hub.change(partner, "live")
    found = await hub.transfers(await hub.say(said._replace(kind=Kind.STEP)))
    assert [(view.stage, view.state, view.problem) for view in found] == [
        ("trial", State.PARKED, "HUB-RTE-003")
    ]


async def test_what_is_tried_about_a_real_dossier_is_refused(hub: Hub) -> None:
    said = Heard(code())
    await hub.say(said)
    with pytest.raises(Refusal) as marked:
        await hub.say(said._replace(kind=Kind.STEP, trial=True))
    await hub.change("land", "trial")
    with pytest.raises(Refusal) as on_trial:
        await hub.say(said._replace(kind=Kind.STEP, sender="land"))
    assert {marked.value.code, on_trial.value.code} == {"HUB-STG-001"}


def unnumbered(story: bytes) -> Story:
    """The story without which messages of the dossier were heard: that is counted whether or not they are believed."""
    return msgspec.structs.replace(record.from_json(story), heard={}, chains={})


async def test_who_runs_in_parallel_is_recorded_and_not_believed(hub: Hub) -> None:
    said = Heard(code())
    await hub.change("land", "parallel")
    await hub.say(said)
    before = await hub.store.known(PROVINCE, said.code)
    accepted = await hub.say(said._replace(kind=Kind.STEP, sender="land"))
    after = await hub.store.known(PROVINCE, said.code)
    assert before is not None
    assert after is not None
    assert unnumbered(after.story) == unnumbered(before.story)
    assert await hub.transfers(accepted) == []
    (entry,) = await hub.store.journal(message=accepted.message)
    assert (entry.what, entry.facts["stage"]) == ("accepted", "parallel")


async def test_a_parallel_dossier_goes_live_with_who_opened_it(hub: Hub) -> None:
    said = Heard(code())
    await hub.change("desk", "parallel")
    await hub.say(said)
    await hub.say(said._replace(kind=Kind.STEP, sender="land"))
    assert await hub.stage_of(said.code) == "parallel"
    await hub.change("desk", "live")
    (view,) = await hub.transfers(await hub.say(said._replace(kind=Kind.STEP)))
    assert (view.stage, await hub.stage_of(said.code)) == ("live", "live")


async def test_an_open_dossier_keeps_the_catalogues_of_its_reception(hub: Hub) -> None:
    flow = Version(
        id="workflow.1.009999",
        version=1,
        effective=at(0).date(),
        at=at(0),
        digest="",
        signature="",
        by="an",
        reason="x",
    )
    said = Heard(code())
    assert await hub.store.catalogues.publish(flow, b"{}")
    await hub.say(said)
    assert await hub.store.catalogues.publish(msgspec.structs.replace(flow, version=2), b"{}")
    await hub.say(said._replace(kind=Kind.STEP, sender="land"))
    later = Heard(code())
    await hub.say(later)
    kept = [await hub.store.known(PROVINCE, each.code) for each in (said, later)]
    assert [record.from_json(each.story).catalogues for each in kept if each] == [
        {"workflow.1.009999": 1},
        {"workflow.1.009999": 2},
    ]


async def test_a_stage_counts_for_its_procedure_and_all_others_for_the_rest(hub: Hub) -> None:
    await hub.change("desk", "trial", procedure="1.009999")
    (tried,) = await hub.transfers(await hub.say(Heard(code())))
    (real,) = await hub.transfers(await hub.say(Heard(code(), procedure="1.009995")))
    assert (tried.stage, real.stage) == ("trial", "live")


AFTER: dict[tuple[Stage, Stage], State] = {
    ("trial", "parallel"): State.WITHDRAWN,
    ("trial", "live"): State.WITHDRAWN,
    ("parallel", "trial"): State.WITHDRAWN,
    ("live", "trial"): State.HELD,
}
"""(a transfer that waits, its recipient's new stage) → what it is then; otherwise it waits on."""


async def test_what_waits_goes_by_the_new_stage_of_its_recipient(hub: Hub) -> None:
    begins: tuple[Stage, ...] = ("trial", "parallel", "live")
    for before, after in product(begins, STAGES):
        await hub.change("desk", "live" if before != "trial" else "trial")
        await hub.change("land", before)
        (view,) = await hub.transfers(await hub.say(Heard(code())))
        assert view.stage == before
        done = await hub.change("land", after)
        assert await hub.state(view) == AFTER.get((before, after), State.WAITING), (before, after)
        assert (view.id in done.held) == ((before, after) == ("live", "trial"))
        await hub.change("land", "retired", queued="withdraw")


async def test_who_retires_finishes_or_gives_back_by_choice(hub: Hub) -> None:
    for queued, state in (("finish", State.WAITING), ("withdraw", State.WITHDRAWN)):
        await hub.change("land", "live")
        (view,) = await hub.transfers(await hub.say(Heard(code())))
        await hub.change("land", "retired", queued=queued)  # type: ignore[arg-type]
        assert await hub.state(view) == state


async def test_what_one_procedure_was_left_to_finish_no_later_change_takes_back(hub: Hub) -> None:
    (its,) = await hub.transfers(await hub.say(Heard(code())))
    await hub.change("land", "retired", procedure="1.009999", queued="finish")
    await hub.change("land", "retired", queued="withdraw")
    assert await hub.state(its) == State.WAITING


async def test_a_change_for_one_procedure_leaves_what_waits_for_others(hub: Hub) -> None:
    (other,) = await hub.transfers(await hub.say(Heard(code(), procedure="1.009995")))
    (its,) = await hub.transfers(await hub.say(Heard(code())))
    done = await hub.change("land", "trial", procedure="1.009999")
    assert (await hub.state(its), await hub.state(other)) == (State.HELD, State.WAITING)
    assert done.held == (its.id,)


async def test_a_trial_in_doubt_is_passed_over_and_one_that_is_being_sent_stops_the_change(hub: Hub) -> None:
    for partner in ("desk", "land"):
        await hub.change(partner, "trial")
    await hub.store.capacities(roomy("land"))
    (view,) = await hub.transfers(await hub.say(Heard(code())))
    (work,) = await hub.store.claim("w", at(5), 10, 10.0)
    assert work.stage == "trial"
    with pytest.raises(Refusal) as refused:
        await hub.change("land", "live")
    assert refused.value.code == "HUB-STG-002"
    assert (await hub.store.stages.stages()).staged[1].stage == "trial"
    await hub.store.seal(work.token, {view.id: Sealed(payload=b"x", media_type="text/xml")})
    settled = msgspec.structs.replace(delivered(view.id), move=None, attempts=())
    assert await hub.store.settle(work.token, [settled], at(6))
    await hub.change("land", "live")
    assert await hub.state(view) == State.SKIPPED


async def test_what_was_decided_before_a_change_is_decided_anew(another: Open) -> None:
    """Two processes: one decides by what it read, the other changes the stage, then the first one writes."""
    here, elsewhere = Hub(another()), Hub(another())
    said = Heard(code(), trial=True)
    await here.change("land", "trial")
    await here.standing.read()
    decided = await here.decided(said)
    await elsewhere.change("land", "live")
    with pytest.raises(Stale):
        await here.store.accept(decided)
    (view,) = await here.transfers(await here.say(said))
    assert (view.stage, view.state) == ("trial", State.PARKED)


async def test_no_trial_is_left_for_a_live_partner_whoever_is_first(another: Open) -> None:
    """Acceptances and a promotion at once: each trial is either withdrawn by it or decided after it."""
    here, elsewhere = Hub(another()), Hub(another())
    await here.change("land", "trial")
    await here.standing.read()
    coming = [await here.decided(Heard(code(), trial=True)) for _ in range(8)]
    answers = await asyncio.gather(
        *(here.store.accept(each) for each in coming[:4]),
        elsewhere.change("land", "live"),
        *(here.store.accept(each) for each in coming[4:]),
        return_exceptions=True,
    )
    assert all(not isinstance(each, BaseException) or isinstance(each, Stale) for each in answers)
    left = await here.store.transfers(Filter(partner="land", states=("waiting",)))
    assert left == ()


async def left_by(hub: Hub, how: str, view: TransferView, leave: Leave | None) -> None:
    """Let it leave in each of the ways that a person has."""
    if how == "correct":
        state = await hub.state(view)
        what = Correction(
            old=view.id,
            new=f"new-{view.id}",
            operation="say",
            expected=state,
            tries=0,
            reason="r",
            by="an",
            leave=leave,
        )
        await hub.store.correct(what, at(8))
        return
    for move in (Move.HOLD, Move.RELEASE) if how == "release" else (Move.RETRY,):
        state = await hub.state(view)
        await hub.store.act(view.id, move, expected=state, reason="r", by="an", now=at(8), leave=leave)


@pytest.mark.parametrize("how", ["retry", "release", "correct"])
async def test_a_person_lets_nothing_leave_but_by_the_stage_that_counts_when_it_is_written(
    hub: Hub, how: str
) -> None:
    """The store itself looks: whoever asks it, and whatever was looked at before."""
    for partner in ("desk", "land"):
        await hub.change(partner, "trial")
    (view,) = await hub.transfers(await hub.say(Heard(code())))
    if how == "correct":  # of what is held only
        await hub.store.act(view.id, Move.HOLD, expected=view.state, reason="r", by="an", now=at(7))
    edition = (await hub.store.stages.stages()).edition
    for leave, problem in (
        (Leave(edition=edition, stage=lambda _: "live"), "HUB-STG-004"),
        (None, "HUB-STG-004"),
        (Leave(edition=edition - 1, stage=lambda _: "trial"), "HUB-STG-002"),
    ):
        with pytest.raises(Refusal) as refused:
            await left_by(hub, how, view, leave)
        assert refused.value.code == problem
        if how == "release":  # it was held first
            state = await hub.state(view)
            assert state is State.HELD
            good = Leave(edition=edition, stage=lambda _: "trial")
            await hub.store.act(
                view.id, Move.RELEASE, expected=state, reason="r", by="an", now=at(8), leave=good
            )
    heard: list[bytes] = []

    def stage(raw: bytes) -> Stage:
        heard.append(raw)
        return "trial"

    await left_by(hub, how, view, Leave(edition=edition, stage=stage))
    assert record.from_json(heard[-1]).stage == "trial"


async def test_nothing_is_routed_again_by_stages_that_count_no_longer(hub: Hub) -> None:
    await hub.change("land", "retired")
    said = Heard(code())
    (view,) = await hub.transfers(await hub.say(said))
    assert view.state is State.PARKED
    known = await hub.store.known(PROVINCE, said.code)
    assert known is not None
    again = Rerouting(
        old=view.id,
        transfers=(),
        rule="x",
        reason="r",
        by="an",
        expected_version=known.version,
        story=known.story,
    )
    with pytest.raises(Stale):
        await hub.store.reroute(again, at(8))
    await hub.store.reroute(msgspec.structs.replace(again, stages=1), at(8))


async def test_a_file_that_ends_a_trial_withdraws_what_waits_of_it_when_a_worker_starts(hub: Hub) -> None:
    """The partner's file said trial and says live now: nobody used the command that would have seen to it."""
    parties = tuple(msgspec.structs.replace(party, stage="trial") for party in PARTIES)
    hub.standing = Standing(hub.store.stages, parties, AGENCIES, hub.store.catalogues)
    hub.decide = Accepting(router=ROUTER, parties=(), days=DAYS, standing=hub.standing)
    hub.standing._now = roster(parties, AGENCIES), 0
    (tried,) = await hub.transfers(await hub.say(Heard(code())))
    assert (tried.stage, tried.state) == ("trial", State.WAITING)
    assert await clear(hub.store.stages, parties, AGENCIES, ROUTER, at(9)) == ()
    assert await clear(hub.store.stages, PARTIES[:1], AGENCIES, ROUTER, at(9)) == (), "it has no file now"
    assert await clear(hub.store.stages, PARTIES, AGENCIES, ROUTER, at(9)) == (tried.id,)
    assert await hub.state(tried) is State.WITHDRAWN
    entry = (await hub.store.journal(transfer=tried.id))[-1]
    assert (entry.what, entry.facts["by"], entry.facts["reason"]) == ("withdraw", "hub", "[stage]: live")


async def test_two_persons_who_looked_at_once_do_not_overwrite_each_other(hub: Hub) -> None:
    new = Staged(partner="land", procedure=EVERY, stage="trial", at=at(2), by="an", reason="x")
    what = Promotion(staged=new, edition=0, becomes=lambda _: ("live", "trial"))
    await hub.store.stages.promote(what)
    with pytest.raises(Refusal) as refused:
        await hub.store.stages.promote(what)
    assert refused.value.code == "HUB-STG-002"


async def test_every_change_is_journaled_with_its_reason_and_what_it_did(hub: Hub) -> None:
    await hub.say(Heard(code()))
    await hub.change("land", "trial")
    (entry,) = [row for row in await hub.store.journal() if row.what == "stage_changed"]
    assert {
        name: entry.facts[name] for name in ("partner", "stage", "reason", "by", "held", "withdrawn")
    } == {
        "partner": "land",
        "stage": "trial",
        "reason": "QD-1",
        "by": "an",
        "held": "1",
        "withdrawn": "0",
    }


async def test_what_is_tried_is_counted_apart(hub: Hub) -> None:
    for partner in ("desk", "land"):
        await hub.change(partner, "trial")
    await hub.say(Heard(code()))
    said = Heard(code())
    await hub.say(said)
    await hub.say(said._replace(kind=Kind.STEP))
    (row,) = [row for row in await hub.store.queue() if row.partner == "land"]
    assert (dict(row.counts), dict(row.trial)) == ({"waiting": 3}, {"waiting": 3})
    assert (row.blocked, row.trial_blocked, row.oldest) == (1, 1, None)
    shown = await page(hub.store, at(9), version="1", free=lambda: 1)
    for figure in (
        b'lienthong_transfers{partner="land",state="waiting"} 0.0',
        b'lienthong_blocked{partner="land"} 0.0',
        b'lienthong_oldest_seconds{partner="land"} 0.0',
    ):
        assert figure in shown
    for partner in ("desk", "land"):
        await hub.change(partner, "live", procedure="1.009995")
    await hub.say(Heard(code(), procedure="1.009995"))
    (row,) = [row for row in await hub.store.queue() if row.partner == "land"]
    assert (row.real("waiting"), row.oldest) == (1, at(1))
