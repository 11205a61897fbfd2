"""The loop that carries every copy: what is on disk when something leaves, and what follows from each answer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from connectors.contract import Deferred, Delivered, Outcome, Reason, Refused, Sealed, Unsure
from hub.delivery.decide import Policy
from hub.delivery.delivery import Hold, LeaseLost, printable
from hub.documents.contract import Waits
from hub.lifecycle import Move, State
from hub.metrics.counts import Counts
from hub.store.contract.delivery import Window
from hub.store.contract.views import Filter
from hub.store.sql.engine import Unavailable
from schemas.dossier import from_json
from schemas.problems import Problem
from tests.integration.delivery_house import NOT_HERE, House, Partner, house, now, until
from tests.store.samples import roomy

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Parcel
    from hub.store.contract.store import Store

NO = Reason(code="HUB-PAR-001", detail="-3")
BROKEN = Reason(code="HUB-NET-004")
SHORT = (0.02, 0.02)
ASKED = Policy(schedule=SHORT, jitter=0, can_be_asked=True, ask_after=0.02)
KEEPS = Policy(schedule=SHORT, jitter=0, keeps_keys=True, ask_after=0.02)
NEITHER = Policy(schedule=SHORT, jitter=0)


async def _messages_of(hub: House, sender: str) -> list[str]:
    return [view.message for view in await hub.eye.transfers(Filter(sender=sender))]


# --- before anything leaves ---------------------------------------------------------------------------------------


async def test_a_transfer_is_in_doubt_and_its_bytes_are_on_disk_when_it_leaves(tmp_path: Path) -> None:
    land = Partner()
    seen: list[tuple[State, bytes]] = []
    async with house(tmp_path, land=land) as hub:

        async def look(parcel: Parcel) -> Outcome:
            stored = await hub.eye.payloads("m1.land")
            assert stored is not None
            assert stored.sealed is not None
            seen.append(((await hub.view("m1.land")).state, stored.sealed.payload))
            assert stored.sealed == parcel.sealed
            return Delivered(reference="77")

        land.answers = [look]
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.land", State.DELIVERED)
    assert seen == [(State.IN_DOUBT, b"submit m1:land:1 received made 1")]
    assert (view.reference, view.attempts, view.sends, view.problem) == ("77", 1, 1, "")
    (heard,) = land.heard
    assert (heard[1].key, heard[1].operation, heard[1].dossier, heard[1].attempt) == (
        "m1:land:1",
        "submit",
        "code",
        1,
    )


async def test_what_is_only_tried_goes_the_same_way_and_is_in_no_figure(tmp_path: Path) -> None:
    land, counts = Partner(Delivered(), Delivered()), Counts()
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1", stage="trial")
        await hub.accept("m2", "land", dossier="d2")
        async with hub.working(hub.worker(counts=counts)):
            for each in ("m1.land", "m2.land"):
                await hub.reaches(each, State.DELIVERED)
    assert counts.snapshot()["attempts", ("land", "deliver", "delivered")] == 1


async def test_what_fails_on_trial_opens_no_circuit_and_one_that_is_open_closes_by_a_trial_that_arrives(
    tmp_path: Path,
) -> None:
    """The partner may be live with everything else, which must not wait."""
    down = Deferred(reason=Reason(code="HUB-NET-001"))
    land = Partner(down, down, down, Delivered(), policy=Policy(schedule=(0.02,), jitter=0))
    async with house(tmp_path, land=land) as hub:
        once = msgspec.structs.replace(roomy("land")[0], circuit_after=1, circuit_waits=(600.0,))
        await hub.store.capacities([once])
        await hub.accept("m1", "land", dossier="d1", stage="trial")
        async with hub.working():
            await hub.reaches("m1.land", State.DEAD)
        assert [row.circuit for row in await hub.store.queue() if row.partner == "land"] == ["closed"]
        await hub.store.circuit("land", "half_open", None, now())
        await hub.accept("m2", "land", dossier="d2", stage="trial")
        async with hub.working():
            await hub.reaches("m2.land", State.DELIVERED)
        assert [row.circuit for row in await hub.store.queue() if row.partner == "land"] == ["closed"]
    assert len(land.heard) == 4


async def test_what_a_partner_told_of_a_dossier_goes_with_its_later_parcels_and_no_other(
    tmp_path: Path,
) -> None:
    land = Partner(Delivered(facts={"IdHoSo": "HS-1"}), Delivered())
    async with house(tmp_path, land=land) as hub:
        for message, dossier in (("m1", "d1"), ("m2", "d1"), ("m3", "d2")):
            await hub.accept(message, "land", dossier=dossier)
            async with hub.working():
                await hub.reaches(f"{message}.land", State.DELIVERED)
    assert [dict(parcel.told) for _, parcel in land.heard] == [{}, {"IdHoSo": "HS-1"}, {}]


async def test_nothing_leaves_when_the_lease_was_lost_before_the_bytes_were_on_disk(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 0.01)
        await asyncio.sleep(0.02)
        await hub.eye.tick(now())
        await hub.worker()._group((work,), moment())
        assert land.heard == []
        assert (await hub.view("m1.land")).state is State.WAITING
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.journal == ["m1:land:1"]


async def test_the_sealed_bytes_are_the_same_on_every_attempt(tmp_path: Path) -> None:
    land = Partner(NOT_HERE, Unsure(reason=BROKEN), Delivered())
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
        stored = await hub.eye.payloads("m1.land")
    assert land.verbs == ["deliver", "deliver", "find", "deliver"]
    assert stored is not None
    assert all((parcel.key, parcel.sealed) == ("m1:land:1", stored.sealed) for _, parcel in land.heard)
    assert [parcel.attempt for verb, parcel in land.heard if verb == "deliver"] == [1, 2, 3]


# --- what may have arrived ----------------------------------------------------------------------------------------


async def test_a_room_that_raises_leaves_the_transfer_in_doubt_and_is_asked(tmp_path: Path) -> None:
    land = Partner(RuntimeError("a defect"), Delivered(reference="1"))
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
        assert await hub.attempts("m1.land") == [
            ("deliver", "unsure", "HUB-INT-001"),
            ("find", "deferred", "HUB-PAR-003"),
            ("deliver", "delivered", ""),
        ]
    assert land.journal == ["m1:land:1"]


async def test_a_room_that_hangs_leaves_the_transfer_in_doubt(tmp_path: Path) -> None:
    async def never(_: Parcel) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    land = Partner(never, policy=NEITHER)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working(hub.worker(attempt_limit=0.1)):
            view = await hub.settled("m1.land")
        assert (view.state, view.problem, view.wake_at) == (State.IN_DOUBT, "HUB-NET-004", None)
    assert land.verbs == ["deliver"]


async def test_what_arrived_although_the_answer_was_lost_is_not_sent_again(tmp_path: Path) -> None:
    land = Partner()

    async def take_and_break(parcel: Parcel) -> Outcome:
        land.journal.append(parcel.key)
        return Unsure(reason=BROKEN)

    land.answers = [take_and_break]
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver", "find"]
    assert land.journal == ["m1:land:1"]
    assert (view.reference, view.sends) == ("77", 1)


async def test_what_did_not_arrive_is_sent_once_after_asking(tmp_path: Path) -> None:
    land = Partner(Unsure(reason=BROKEN), Delivered())
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver", "find", "deliver"]
    assert land.journal == ["m1:land:1"]


@pytest.mark.parametrize(
    "answer", [Unsure(reason=BROKEN), RuntimeError("a defect")], ids=["unsure", "raises"]
)
async def test_nothing_is_sent_again_while_the_partner_cannot_say(
    tmp_path: Path, answer: Outcome | Exception
) -> None:
    land = Partner(Unsure(reason=BROKEN), Delivered(), found=answer)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.settled("m1.land", 3)
            await asyncio.sleep(0.1)
            view = await hub.view("m1.land")
            told = await _messages_of(hub, "hub")
    assert land.verbs == ["deliver", "find", "find"]
    assert (view.state, view.wake_at, told) == (State.IN_DOUBT, None, [])


async def test_unsure_with_no_way_to_ask_waits_for_a_person_and_holds_only_its_own_lane(
    tmp_path: Path,
) -> None:
    land = Partner(Unsure(reason=BROKEN), Delivered(), policy=NEITHER)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.settled("m1.land")
            await hub.accept("m2", "land", dossier="d1")
            await hub.accept("m3", "land", dossier="d2")
            await hub.reaches("m3.land", State.DELIVERED)
            behind = await hub.view("m2.land")
            assert (behind.state, behind.blocked) == (State.WAITING, True)
            await hub.store.act(
                "m1.land", Move.RETRY, expected=State.IN_DOUBT, reason="again", by="thu", now=now()
            )
            await asyncio.sleep(0.2)
        view = await hub.view("m1.land")
    assert (view.state, view.problem) == (State.IN_DOUBT, "HUB-PAR-009")
    assert [parcel.key for _, parcel in land.heard] == ["m1:land:1", "m3:land:1"]


async def test_a_partner_that_keeps_keys_gets_the_same_again_without_a_question(tmp_path: Path) -> None:
    land = Partner(Unsure(reason=BROKEN), Delivered(), policy=KEEPS)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver", "deliver"]
    assert len({parcel.key for _, parcel in land.heard}) == 1


async def test_what_may_have_arrived_before_is_never_called_dead(tmp_path: Path) -> None:
    land = Partner(Unsure(reason=BROKEN), NOT_HERE, policy=KEEPS)
    async with house(tmp_path, land=land, desk=Partner()) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.settled("m1.land", 3)
            await asyncio.sleep(0.1)
            view = await hub.view("m1.land")
            told = await _messages_of(hub, "hub")
    assert land.verbs == ["deliver"] * 3
    assert (view.state, view.problem, view.wake_at) == (State.IN_DOUBT, "HUB-PAR-003", None)
    assert told == []


async def test_a_doubt_outlives_a_partner_file_that_is_missing_for_a_while(tmp_path: Path) -> None:
    doubtful = msgspec.structs.replace(
        ASKED, schedule=SHORT * 500
    )  # however long the worker goes on meanwhile
    land = Partner(Unsure(reason=BROKEN), found=Unsure(reason=BROKEN), policy=doubtful)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.settled("m1.land")
        hub.partners = {}
        land.answers, land.found = [Delivered()], None

        async def noticed() -> bool:
            return (await hub.view("m1.land")).problem == "HUB-CFG-001"

        async with hub.working():
            await until(noticed)
        assert (await hub.view("m1.land")).state is State.IN_DOUBT
        hub.partners = {"land": land}
        land.heard.clear()
        await hub.store.act(
            "m1.land", Move.RETRY, expected=State.IN_DOUBT, reason="it is back", by="thu", now=now()
        )
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs[0] == "find"


# --- the sender is told -------------------------------------------------------------------------------------------


async def _assert_told(hub: House, state: State, code: str) -> None:
    """One message of the hub's own, in the same dossier, through the sender's own room."""
    (told,) = await hub.eye.transfers(Filter(sender="hub"))
    assert (told.partner, told.kind, told.dossier) == ("desk", "delivery_failed", "d1")
    payloads = await hub.eye.payloads(told.id)
    assert payloads is not None
    message = from_json(payloads.canonical)
    assert message.failure is not None
    assert (message.failure.message, message.failure.transfer, message.failure.partner) == (
        "m1",
        "m1.land",
        "land",
    )
    assert (message.failure.code, message.failure.state) == (code, state)
    assert message.dossier is not None
    assert message.dossier.code == "code-d1"
    (row,) = [row for row in await hub.eye.journal(message=told.message) if row.what == "accepted"]
    (failed,) = [row for row in await hub.eye.journal(transfer="m1.land") if row.facts.get("state") == state]
    assert row.seq == failed.seq + 1  # nobody wrote in between: one transaction


async def test_a_refusal_is_told_to_the_sender_in_the_same_transaction(tmp_path: Path) -> None:
    land, desk = Partner(Refused(reason=NO)), Partner()
    seen: list[State] = []
    async with house(tmp_path, land=land, desk=desk) as hub:

        async def look(_: Parcel) -> Outcome:
            seen.append((await hub.view("m1.land")).state)
            return Delivered()

        desk.answers = [look]
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.land", State.REFUSED)
            assert await _messages_of(hub, "hub") != []  # seen with the refusal, never after it
            await until(lambda: _is_delivered_by_hub(hub))
        assert (view.problem, view.detail) == ("HUB-PAR-001", "-3")
        await _assert_told(hub, State.REFUSED, "HUB-PAR-001")
    assert land.verbs == ["deliver"]
    assert seen == [State.REFUSED]


async def _is_delivered_by_hub(hub: House) -> bool:
    return [view.state for view in await hub.eye.transfers(Filter(sender="hub"))] == [State.DELIVERED]


async def test_a_used_up_schedule_is_dead_and_told(tmp_path: Path) -> None:
    land, desk = Partner(NOT_HERE), Partner()
    async with house(tmp_path, land=land, desk=desk) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.land", State.DEAD)
            await until(lambda: _is_delivered_by_hub(hub))
        await _assert_told(hub, State.DEAD, "HUB-PAR-003")
    assert land.verbs == ["deliver"] * (len(SHORT) + 1)
    assert (view.attempts, view.sends) == (3, 3)


async def test_announced_maintenance_never_uses_up_the_schedule(tmp_path: Path) -> None:
    closed = Deferred(reason=Reason(code="HUB-PAR-004"), counts=False)
    land = Partner(*[closed] * 6, Delivered())
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.land", State.DELIVERED)
    assert (len(land.heard), view.attempts) == (7, 1)


async def test_that_the_telling_failed_is_not_told_again(tmp_path: Path) -> None:
    land, desk = Partner(Refused(reason=NO)), Partner(Refused(reason=NO))
    async with house(tmp_path, land=land, desk=desk) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.REFUSED)
            (told,) = await hub.eye.transfers(Filter(sender="hub"))
            await hub.reaches(told.id, State.REFUSED)
            await asyncio.sleep(0.1)
        assert len(await hub.eye.transfers(Filter(sender="hub"))) == 1


async def test_a_second_refusal_of_the_same_transfer_is_told_once(tmp_path: Path) -> None:
    land, desk = Partner(Refused(reason=NO)), Partner()
    async with house(tmp_path, land=land, desk=desk) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.REFUSED)
            await hub.store.act(
                "m1.land", Move.RETRY, expected=State.REFUSED, reason="asked them", by="thu", now=now()
            )
            await hub.settled("m1.land", 3)
            await hub.reaches("m1.land", State.REFUSED)
        assert len(await hub.eye.transfers(Filter(sender="hub"))) == 1
    assert land.verbs == ["deliver", "find", "deliver"]


# --- one poison, its own lane -------------------------------------------------------------------------------------


async def test_what_cannot_be_said_is_parked_with_its_place_and_uses_up_nothing(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", subject="unsayable")
        await hub.accept("m2", "land", dossier="d2")
        async with hub.working():
            view = await hub.reaches("m1.land", State.PARKED)
            await hub.reaches("m2.land", State.DELIVERED)
    assert (view.problem, view.attempts, view.sends) == ("HUB-MAP-002", 0, 0)
    assert "/dossier/procedure" in view.detail
    assert land.journal == ["m2:land:1"]


async def test_a_defect_of_ours_in_one_message_parks_that_one_only(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", subject="poison")
        for number in range(2, 12):
            await hub.accept(f"m{number}", "land", dossier=f"d{number}")
        async with hub.working():
            view = await hub.reaches("m1.land", State.PARKED)
            for number in range(2, 12):
                await hub.reaches(f"m{number}.land", State.DELIVERED)
    assert (view.problem, view.detail) == ("HUB-INT-001", "KeyError")


async def test_a_failure_that_cannot_be_told_stops_no_other_transfer_of_its_group(tmp_path: Path) -> None:
    land, desk = Partner(), Partner()

    async def answer(parcel: Parcel) -> Outcome:
        return Refused(reason=NO) if parcel.key.startswith("m1:") else Delivered()

    class Mute:
        operations = property(lambda _: 1 / 0)

    land.answers, desk.codec = [answer], Mute()  # type: ignore[assignment]
    async with house(tmp_path, land=land, desk=desk) as hub:
        for number in range(1, 6):
            await hub.accept(f"m{number}", "land", dossier=f"d{number}")
        async with hub.working():
            await hub.reaches("m1.land", State.REFUSED)
            for number in range(2, 6):
                await hub.reaches(f"m{number}.land", State.DELIVERED)
    assert sorted(land.journal) == [f"m{number}:land:1" for number in range(2, 6)]
    assert land.verbs == ["deliver"] * 5


async def test_a_transfer_for_a_partner_without_a_file_is_parked(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await hub.store.capacities(roomy("gone", "land"))
        await hub.accept("m1", "gone", "land", dossier="d1")
        async with hub.working():
            view = await hub.reaches("m1.gone", State.PARKED)
            await hub.reaches("m1.land", State.DELIVERED)
    assert (view.problem, view.detail) == ("HUB-CFG-001", "gone")


@pytest.mark.parametrize(
    ("answer", "state"),
    [(Refused(reason=NO), State.REFUSED), (NOT_HERE, State.DEAD)],
    ids=["refused", "dead"],
)
async def test_a_poison_head_stops_only_its_own_lane(tmp_path: Path, answer: Outcome, state: State) -> None:
    land = Partner()

    async def only_the_first(parcel: Parcel) -> Outcome:
        return answer if parcel.key.startswith("m1:") else Delivered()

    land.answers = [only_the_first]
    async with house(tmp_path, land=land) as hub:
        for message, dossier in (("m1", "d1"), ("m2", "d1"), ("m3", "d2"), ("m4", "d2")):
            await hub.accept(message, "land", dossier=dossier)
        async with hub.working():
            await hub.reaches("m1.land", state)
            await hub.reaches("m4.land", State.DELIVERED)
            behind = await hub.view("m2.land")
            assert (behind.state, behind.blocked) == (State.WAITING, True)
            await hub.store.act(
                "m1.land", Move.SKIP, expected=state, reason="by hand", by="thu", now=now(), approver="hoa"
            )
            await hub.reaches("m2.land", State.DELIVERED)
    assert land.journal == ["m3:land:1", "m4:land:1", "m2:land:1"]


async def test_a_partner_that_hangs_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    let_go = asyncio.Event()

    async def wait(_: Parcel) -> Outcome:
        await let_go.wait()
        return Delivered()

    land, portal = Partner(wait), Partner()
    async with house(tmp_path, concurrency=4, land=land, portal=portal) as hub:
        for number in range(20):
            await hub.accept(f"m{number}", "land", "portal", dossier=f"d{number}")
        async with hub.working():
            for number in range(20):
                await hub.reaches(f"m{number}.portal", State.DELIVERED)
            await hub.accept("late", "portal", dossier="d20")
            began = time.monotonic()
            await hub.reaches("late.portal", State.DELIVERED)
            assert time.monotonic() - began < 2
            assert len(land.heard) == 4  # its own places are taken, no more
            let_go.set()
            for number in range(20):
                await hub.reaches(f"m{number}.land", State.DELIVERED)
    assert len(set(land.journal)) == len(land.journal) == 20


def moment() -> float:
    return asyncio.get_running_loop().time()


# --- leases and stopping ------------------------------------------------------------------------------------------


async def test_a_worker_that_lost_its_lease_writes_nothing(tmp_path: Path) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:

        async def lose_it(parcel: Parcel) -> Outcome:
            await hub.store.renew(token, now(), -1)
            await hub.eye.tick(now())
            land.journal.append(parcel.key)
            return Refused(reason=NO)

        land.answers = [lose_it]
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 30)
        token = work.token
        await hub.worker()._group((work,), moment())
        assert await hub.attempts("m1.land") == []
        assert (await hub.view("m1.land")).state is State.IN_DOUBT
        assert await _messages_of(hub, "hub") == []
        async with hub.working(hub.worker("other")):
            await hub.reaches("m1.land", State.DELIVERED)
        assert await hub.attempts("m1.land") == [("find", "delivered", "")]
    assert land.journal == ["m1:land:1"]


async def test_what_is_under_way_is_given_up_when_the_lease_is_lost(tmp_path: Path) -> None:
    land = Partner()
    given_up: list[str] = []

    async def wait(parcel: Parcel) -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(parcel.key)
        raise AssertionError

    land.answers = [wait]
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 30)
        group = asyncio.create_task(hub.worker(lease=0.3)._group((work,), moment()))
        await until(lambda: _is_heard(land))
        await hub.store.renew(work.token, now(), -1)
        await hub.eye.tick(now())
        await asyncio.wait_for(group, 5)
        assert given_up == ["m1:land:1"]
        view = await hub.view("m1.land")
        assert (view.state, await hub.attempts("m1.land")) == (State.IN_DOUBT, [])


async def _is_heard(partner: Partner) -> bool:
    return bool(partner.heard)


class Full:
    """A store that cannot take anything for a while: ``times`` for each of settle and renew."""

    def __init__(self, store: Store, times: int) -> None:
        self._store, self._left = store, {"settle": times, "renew": times}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def settle(self, *told: Any) -> bool:
        self._refuse("settle")
        return await self._store.settle(*told)

    async def renew(self, *told: Any) -> bool:
        self._refuse("renew")
        return await self._store.renew(*told)

    def _refuse(self, what: str) -> None:
        if self._left[what]:
            self._left[what] -= 1
            raise Unavailable("database or disk is full")


async def test_what_came_of_a_call_is_written_down_when_the_store_can_take_it_again(tmp_path: Path) -> None:
    """Else a partner that cannot be asked would have it, and only a person could find out."""
    land = Partner(policy=NEITHER)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        hub.store = cast("Store", Full(hub.store, 2))
        async with hub.working(hub.worker(lease=3.0)):
            await hub.reaches("m1.land", State.DELIVERED)
        assert await hub.attempts("m1.land") == [("deliver", "delivered", "")]
    assert land.verbs == ["deliver"]


async def test_a_lease_that_could_not_be_renewed_once_is_renewed_the_next_time(tmp_path: Path) -> None:
    async def slowly(_: Parcel) -> Outcome:
        await asyncio.sleep(2.5)
        return Delivered()

    land = Partner(slowly)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        hub.store = cast("Store", Full(hub.store, 1))
        async with hub.working(hub.worker(lease=2.0)):
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver"]


async def test_a_room_that_gives_itself_up_takes_no_other_transfer_along(tmp_path: Path) -> None:
    async def give_up(_: Parcel) -> Outcome:
        raise asyncio.CancelledError

    async def slowly(_: Parcel) -> Outcome:
        await asyncio.sleep(0.3)
        return Delivered()

    land, sea = Partner(give_up), Partner(slowly)
    async with house(tmp_path, land=land, sea=sea) as hub:
        await hub.accept("m1", "land", "sea", dossier="d1")
        works = await hub.store.claim("w", now(), 10, 30)
        await hub.worker()._group(works, moment())
        assert (await hub.view("m1.sea")).state is State.DELIVERED
        assert (await hub.view("m1.land")).state is State.IN_DOUBT


async def test_a_long_attempt_keeps_its_lease(tmp_path: Path) -> None:
    async def slowly(_: Parcel) -> Outcome:
        await asyncio.sleep(1.0)
        return Delivered()

    land = Partner(slowly)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working(hub.worker("one", lease=0.4)), hub.working(hub.worker("another", lease=0.4)):
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver"]


async def test_stopping_finishes_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    began, let_go = asyncio.Event(), asyncio.Event()

    async def wait(_: Parcel) -> Outcome:
        began.set()
        await let_go.wait()
        return Delivered()

    land = Partner(wait)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        stop = asyncio.Event()
        running = asyncio.create_task(hub.worker().run(stop))
        await began.wait()
        stop.set()
        await hub.accept("m2", "land", dossier="d2")
        await asyncio.sleep(0.6)
        assert not running.done()
        let_go.set()
        await asyncio.wait_for(running, 5)
        assert (await hub.view("m1.land")).state is State.DELIVERED
        assert (await hub.view("m2.land")).state is State.WAITING
    assert land.journal == ["m1:land:1"]


@pytest.mark.parametrize(
    ("why", "wakes"),
    [
        (Problem(code="HUB-MAP-001", place="/dossier"), False),
        (Waits(code="HUB-DOC-001", place="/documents/0", seconds=5), True),
    ],
)
async def test_what_was_restored_in_doubt_stays_so_while_it_cannot_be_sealed(
    tmp_path: Path, why: Problem | Waits, wakes: bool
) -> None:
    """Parked or waiting it would be sent without asking, once it can be."""
    async with house(tmp_path, land=Partner()) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("w", now(), 10, 30)
        doubtful = msgspec.structs.replace(work, doubt=True)
        settlement = await hub.worker()._one(doubtful, why, Hold(work.token, moment() - 30, 30))
        assert (settlement.move, settlement.wake_at is not None) == (None, wakes)
        assert await hub.store.settle(work.token, [settlement], now())
        assert (await hub.view("m1.land")).state is State.IN_DOUBT


async def test_after_asking_nothing_is_sent_unless_the_lease_still_holds(tmp_path: Path) -> None:
    async def lose_it(_: Parcel) -> Outcome:
        await hub.store.renew(work.token, now(), -1)
        await hub.eye.tick(now())
        return Deferred(reason=NO)

    land = Partner(found=lose_it)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 30)
        doubtful = msgspec.structs.replace(work, doubt=True)
        with pytest.raises(LeaseLost):
            await hub.worker()._one(
                doubtful, Sealed(payload=b"x", media_type="x/y"), Hold(work.token, moment() - 30, 30)
            )
    assert land.verbs == ["find"]


async def test_a_worker_that_stood_still_between_sealing_and_sending_sends_nothing_without_its_lease(
    tmp_path: Path,
) -> None:
    land = Partner()
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 30)
        await hub.store.renew(work.token, now(), -1)
        await hub.eye.tick(now())
        stopped = Hold(work.token, moment() - 30, 30)  # by its own clock, too, the lease may be gone
        with pytest.raises(LeaseLost):
            await hub.worker()._one(work, Sealed(payload=b"x", media_type="x/y"), stopped)
    assert land.heard == []


async def test_a_worker_that_stood_still_while_it_connected_sends_nothing_without_its_lease(
    tmp_path: Path,
) -> None:
    async def connect(_: Parcel) -> Outcome:
        await asyncio.sleep(0.05)
        land.journal.append("sent")
        return Delivered()

    land = Partner(connect)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        (work,) = await hub.store.claim("slow", now(), 10, 30)
        one = hub.worker()._one(work, Sealed(payload=b"x", media_type="x/y"), Hold(work.token, moment(), 0.3))
        call = asyncio.create_task(one)
        await until(lambda: _is_heard(land))
        time.sleep(0.4)  # noqa: ASYNC251 - the whole process stands still
        with pytest.raises(LeaseLost):
            await call
    assert land.journal == []


async def test_a_call_goes_on_while_its_lease_is_renewed() -> None:
    async def slowly() -> Outcome:
        await asyncio.sleep(0.3)
        return Delivered()

    hold = Hold("token", moment(), 0.2)
    call = asyncio.create_task(hold.during(slowly()))
    await asyncio.sleep(0.15)
    hold.renewed(moment())
    assert await call == Delivered()


def test_a_partners_reference_is_kept_short_and_printable() -> None:
    assert printable("TN-1\x1b[31m\n" + "x" * 500) == "TN-1[31m" + "x" * 190


# --- a partner's health -----------------------------------------------------------------------------------------


async def for_ever(_: Parcel) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


async def test_partners_that_hang_leave_room_for_the_others(tmp_path: Path) -> None:
    land, tax, fees = (Partner(for_ever, policy=NEITHER) for _ in range(3))
    silent = {"land": land, "tax": tax, "fees": fees}
    async with house(tmp_path, desk=Partner(), land=land, tax=tax, fees=fees) as hub:
        for n in range(20):
            await hub.accept(f"m{n}", *silent, dossier=f"d{n}")
        async with hub.working(hub.worker(hand=16, attempt_limit=3)):
            await until(lambda: _true(all(one.heard for one in silent.values())))
            for n in range(30):
                await hub.accept(f"n{n}", "desk", dossier=f"e{n}", sender="land")
            began = asyncio.get_running_loop().time()
            for n in range(30):
                await hub.reaches(f"n{n}.desk", State.DELIVERED)
            assert asyncio.get_running_loop().time() - began < 2
        assert max(len(one.heard) for one in silent.values()) <= 8, "none holds more than it leaves"


async def _true(value: bool) -> bool:
    return value


async def test_a_partner_that_is_down_is_left_alone_by_every_lane_and_loses_none(tmp_path: Path) -> None:
    down = Deferred(reason=Reason(code="HUB-NET-001"))
    land = Partner(*[down] * 12, Delivered())
    async with house(tmp_path, concurrency=2, circuit_waits=(0.1,), land=land) as hub:
        for n in range(30):
            await hub.accept(f"m{n}", "land", dossier=f"d{n}")
        async with hub.working():
            await until(lambda: _true(len(land.heard) >= 6))
            await asyncio.sleep(0.5)
            assert len(land.heard) <= 12, "two lanes, five failures, then one probe for each wait"
            for n in range(30):
                await hub.reaches(f"m{n}.land", State.DELIVERED)
    assert len(land.heard) == 12 + 30


async def test_announced_maintenance_holds_every_lane_until_then(tmp_path: Path) -> None:
    closed = Deferred(reason=Reason(code="HUB-PAR-003"), wait=1.0)
    land = Partner(closed, Delivered())
    async with house(tmp_path, concurrency=1, land=land) as hub:
        for n in range(5):
            await hub.accept(f"m{n}", "land", dossier=f"d{n}")
        async with hub.working():
            await until(lambda: _true(len(land.heard) == 1))
            await asyncio.sleep(0.6)
            assert len(land.heard) == 1
            for n in range(5):
                assert (await hub.reaches(f"m{n}.land", State.DELIVERED)).attempts == 1


async def test_a_worker_keeps_the_declared_hours(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner()) as hub:
        opens = datetime.now(UTC) + timedelta(seconds=0.7)
        asked: list[datetime] = []

        def windows(moment: datetime) -> tuple[Window, ...]:
            """Open for a moment now, shut, open again later."""
            asked.append(moment)
            if len(asked) == 1:
                return (Window(partner="land", opens=moment, closes=moment + timedelta(seconds=0.2)),)
            return (Window(partner="land", opens=opens, closes=opens + timedelta(hours=1)),)

        async with hub.working(hub.worker(windows=windows)):
            await hub.accept("m1", "land", dossier="d1")
            await hub.reaches("m1.land", State.DELIVERED)
            await asyncio.sleep(0.25)
            await hub.accept("m2", "land", dossier="d2")
            await hub.reaches("m2.land", State.DELIVERED)
            assert datetime.now(UTC) >= opens
    assert len(asked) == 2, "the next window is written once, when the first is over"


async def test_a_wait_is_taken_up_when_it_falls_due(tmp_path: Path) -> None:
    land = Partner(
        Deferred(reason=Reason(code="HUB-PAR-010")), Delivered(), policy=Policy(schedule=(0.1,), jitter=0)
    )
    async with house(tmp_path, land=land) as hub, hub.working():
        await asyncio.sleep(0.2)
        await hub.accept("m1", "land", dossier="d1")
        await hub.reaches("m1.land", State.DELIVERED)
        first, second = (view.attempt.started_at for view in await hub.eye.attempts("m1.land"))
        assert 0.1 <= (second - first).total_seconds() < 0.4
