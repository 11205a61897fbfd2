"""What time alone brings about: receipts that do not come, deadlines that pass; by the real loop and a real store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.contract import Deferred, Delivered, Outcome, Reason, Refused, Unsure
from hub.delivery.decide import Policy
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.views import Filter
from schemas.dossier import Failure, Kind, from_json
from tests.integration.delivery_house import NOT_HERE, SENDER, House, Partner, house, now, until

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Parcel

SOON = Policy(schedule=(0.02,), jitter=0, can_be_asked=True, ask_after=0.02, receipt_within=0.05)
MUTE = Policy(schedule=(0.02,), jitter=0, receipt_within=0.05)
PATIENT = Policy(schedule=(3600.0,), jitter=0, can_be_asked=True)


async def delivered(hub: House) -> None:
    await hub.accept("m1", "land", dossier="d1")
    async with hub.working():
        await hub.reaches("m1.land", State.DELIVERED)
        await asyncio.sleep(0.1)
        await hub.store.tick(now())


def receipt(key: str = "m1:land:1") -> Acknowledgement:
    return Acknowledgement(partner="land", raw=b"{}", received_at=now(), said_at=now(), key=key)


# --- receipts ---------------------------------------------------------------------------------------------------


async def test_a_partner_that_acknowledges_is_waited_for_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner(policy=SOON), desk=Partner()) as hub:
        await hub.accept("m2", "desk", dossier="d2", sender="land")
        await delivered(hub)
        assert (await hub.view("m1.land")).problem == "HUB-PAR-011"
        assert (await hub.view("m2.desk")).problem == ""
        await hub.store.acknowledge(receipt())
        assert (await hub.view("m1.land")).state is State.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Delivered(), "HUB-PAR-011"),
        (Unsure(reason=Reason(code="HUB-NET-004")), "HUB-PAR-011"),
        (NOT_HERE, "HUB-PAR-012"),
        (Refused(reason=Reason(code="HUB-PAR-001")), "HUB-PAR-012"),
    ],
)
async def test_when_the_receipt_is_overdue_the_partner_is_asked_once(
    tmp_path: Path, answer: Outcome, problem: str
) -> None:
    land = Partner(policy=SOON, found=answer)
    async with house(tmp_path, land=land) as hub:
        await delivered(hub)
        for _ in range(3):
            await hub.vigil().look()
        assert land.verbs == ["deliver", "find"]
        after = await hub.view("m1.land")
        assert (after.state, after.problem) == (State.DELIVERED, problem)
        assert [verb for verb, _, _ in await hub.attempts("m1.land")] == ["deliver", "find"]


async def test_one_that_cannot_be_asked_is_only_marked(tmp_path: Path) -> None:
    land = Partner(policy=MUTE)
    async with house(tmp_path, land=land) as hub:
        await delivered(hub)
        await hub.vigil().look()
        assert land.verbs == ["deliver"]
        assert (await hub.view("m1.land")).problem == "HUB-PAR-011"
        assert await hub.store.overdue(now() + timedelta(days=9), 10, 60) == ()


async def test_a_room_that_breaks_its_promise_while_asked_leaves_the_mark(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner(policy=SOON, found=ValueError("no"))) as hub:
        await delivered(hub)
        await hub.vigil().look()
        assert (await hub.attempts("m1.land"))[-1] == ("find", "unsure", "HUB-INT-001")
        assert (await hub.view("m1.land")).problem == "HUB-PAR-011"


async def test_the_watch_goes_on_by_itself_and_ends_when_it_is_told(tmp_path: Path) -> None:
    land = Partner(policy=SOON)
    async with house(tmp_path, land=land) as hub:
        await delivered(hub)
        watch = asyncio.create_task(hub.vigil().run())
        await hub.settled("m1.land", 2)
        watch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watch


# --- deadlines --------------------------------------------------------------------------------------------------


async def told_about(hub: House, transfer: str) -> list[Failure]:
    """What the sender hears about a transfer."""
    found = []
    for view in await hub.eye.transfers(Filter(partner=SENDER, limit=100)):
        payloads = await hub.eye.payloads(view.id)
        assert payloads is not None
        message = from_json(payloads.canonical)
        assert message.kind is Kind.DELIVERY_FAILED
        if message.failure is not None and message.failure.transfer == transfer:
            found.append(message.failure)
    return found


async def test_one_that_will_be_late_before_its_next_try_is_told_once(tmp_path: Path) -> None:
    """An hour until the next try, half an hour until the deadline; tried again and again, and told once."""
    land = Partner(NOT_HERE, policy=PATIENT)
    async with house(tmp_path, land=land, desk=Partner()) as hub:
        due = now() + timedelta(minutes=30)
        await hub.accept("m1", "land", dossier="d1", deadline=due)
        async with hub.working():
            view = await hub.settled("m1.land", 1)
            assert view.wake_at is not None
            assert view.wake_at > due
            for count in (2, 3):
                await hub.store.act(
                    "m1.land", Move.RETRY, expected=State.WAITING, reason="r", by="thu", now=now()
                )
                await hub.settled("m1.land", count)
        (failure,) = await told_about(hub, "m1.land")
        assert (failure.code, failure.state, failure.partner) == ("HUB-LAN-005", "waiting", "land")
        assert (await hub.view("m1.land")).state is State.WAITING


async def test_one_that_comes_in_time_is_not_told(tmp_path: Path) -> None:
    land = Partner(NOT_HERE, policy=PATIENT)
    async with house(tmp_path, land=land, desk=Partner()) as hub:
        await hub.accept("m1", "land", dossier="d1", deadline=now() + timedelta(hours=3))
        async with hub.working():
            await hub.settled("m1.land", 1)
        assert await told_about(hub, "m1.land") == []


async def test_a_head_that_nobody_sends_is_told_when_its_deadline_passes(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner(), desk=Partner()) as hub:
        await hub.store.pause("land", paused=True, reason="r", by="thu", now=now())
        await hub.accept("m1", "land", dossier="d1", deadline=now() + timedelta(seconds=0.2))
        await hub.accept("m2", "land", dossier="d1", deadline=now() + timedelta(seconds=0.2))
        assert not await hub.vigil().look()
        await asyncio.sleep(0.25)
        await asyncio.gather(*(hub.vigil().look() for _ in range(3)))
        await hub.vigil().look()
        (failure,) = await told_about(hub, "m1.land")
        assert (failure.code, failure.state) == ("HUB-LAN-005", "waiting")
        assert await told_about(hub, "m2.land") == []  # it waits behind: the head is what is late


async def test_a_sender_that_receives_nothing_is_not_told_and_nothing_breaks(tmp_path: Path) -> None:
    async with house(tmp_path, land=Partner()) as hub:
        await hub.store.pause("land", paused=True, reason="r", by="thu", now=now())
        await hub.accept("m1", "land", dossier="d1", deadline=now())
        await hub.vigil().look()
        assert await hub.eye.conservation() == ()


# --- where nobody can be asked ----------------------------------------------------------------------------------


async def test_send_anyway_ends_a_doubt_that_a_retry_cannot_end(tmp_path: Path) -> None:
    async def hangs(_: Parcel) -> Outcome:
        return Unsure(reason=Reason(code="HUB-NET-004"))

    land = Partner(hangs, Delivered(reference="1"), policy=Policy(schedule=(0.02,), jitter=0))
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.settled("m1.land", 1)
            await act(hub, Move.RETRY, State.IN_DOUBT)
            await hub.reaches("m1.land", State.IN_DOUBT)

            async def waits_for_a_person() -> bool:
                return (await hub.view("m1.land")).problem == "HUB-PAR-009"

            await until(waits_for_a_person)
            assert land.verbs == ["deliver"]
            await act(hub, Move.SEND_ANYWAY, State.IN_DOUBT)
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver", "deliver"]
    assert len({parcel.sealed.payload for _, parcel in land.heard}) == 1


async def test_a_refusal_is_sent_again_where_nobody_can_be_asked(tmp_path: Path) -> None:
    no = Refused(reason=Reason(code="HUB-PAR-001"))
    land = Partner(no, Deferred(reason=Reason(code="HUB-PAR-003")), Delivered(), policy=MUTE)
    async with house(tmp_path, land=land) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.REFUSED)
            await act(hub, Move.RESEND, State.REFUSED)
            await hub.reaches("m1.land", State.DELIVERED)
    assert land.verbs == ["deliver", "deliver", "deliver"]


async def act(hub: House, move: Move, expected: State) -> None:
    await hub.store.act("m1.land", move, expected=expected, reason="r", by="thu", now=now(), approver="hoa")
