"""A transfer in the stead of another: corrected in its place, or routed again. The old one keeps key and bytes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Link
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement, Settlement
from hub.store.contract.intake import NewTransfer
from hub.store.contract.mending import Correction, Rerouting
from hub.store.contract.store import Stale
from hub.store.contract.views import Filter, TransferView
from schemas.problems import Problem, Refusal
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed

if TYPE_CHECKING:
    from hub.store.contract.store import Store
    from tests.store.engines import Open

HEAD = "m0.so-tnmt.0"


async def lane(store: Store, depth: int = 2, *, order_sensitive: bool = True, problem: str = "") -> None:
    await store.capacities(roomy("so-tnmt", "dvcqg", order_sensitive=order_sensitive))
    for step in range(depth):
        await store.accept(
            acceptance(f"m{step}", dossier="d1", version=step, problem=problem if step == 0 else "")
        )


async def settled(store: Store, move: Move | None, **more: object) -> None:
    (work,) = await store.claim("w", at(1), 10, 30)
    await store.seal(work.token, {work.transfer: sealed("old bytes")})
    what = Settlement(transfer=work.transfer, move=move, attempts=(attempt("refused"),), **more)  # type: ignore[arg-type]
    assert await store.settle(work.token, [what], at(2))


async def view(store: Store, id_: str) -> TransferView:
    found = await store.transfer(id_)
    assert found is not None
    return found


async def correct(
    store: Store,
    old: str = HEAD,
    new: str = "new1",
    *,
    expected: State,
    tries: int = 1,
    more: tuple[tuple[str, str], ...] = (),
) -> TransferView:
    what = Correction(
        old=old,
        new=new,
        operation="today",
        expected=expected,
        tries=tries,
        reason="mapping mended",
        by="thu",
        asked="partner" if expected is State.IN_DOUBT else "",
        more=more,
    )
    return await store.correct(what, at(5))


STOPS = {
    State.REFUSED: Move.REFUSE,
    State.DEAD: Move.EXHAUST,
    State.PARKED: Move.PARK,
    State.IN_DOUBT: None,
}


@pytest.mark.parametrize("order_sensitive", [True, False])
@pytest.mark.parametrize("state", STOPS)
async def test_a_correction_stands_in_its_predecessors_place(
    store: Store, state: State, *, order_sensitive: bool
) -> None:
    await lane(store, 3, order_sensitive=order_sensitive)
    await settled(store, STOPS[state], code="HUB-PAR-001")
    made = await correct(store, expected=state)
    assert (made.state, made.supersedes, made.operation, made.sends) == (State.WAITING, HEAD, "today", 0)
    assert made.key == "m0:so-tnmt:0.2"
    works = []
    for second in range(6, 9):
        (work,) = await store.claim("w", at(second), 10, 30)
        await store.seal(work.token, {work.transfer: sealed(f"bytes of {work.transfer}")})
        await store.settle(work.token, [delivered(work.transfer)], at(second))
        works.append(work)
    expected = ["new1", "m1.so-tnmt.0", "m2.so-tnmt.0"]
    assert [work.transfer for work in works] == expected
    assert (works[0].sealed, works[0].doubt, works[0].key) == (None, False, made.key)


async def test_the_old_one_keeps_key_bytes_and_attempts_and_both_name_each_other(store: Store) -> None:
    await lane(store)
    await settled(store, Move.REFUSE, code="HUB-PAR-001")
    before = await view(store, HEAD)
    await correct(store, expected=State.REFUSED)
    old, new = await view(store, HEAD), await view(store, "new1")
    assert (old.state, old.superseded_by, old.settled_at) == (State.WITHDRAWN, ("new1",), at(5))
    assert (old.key, old.sends, old.problem) == (before.key, 1, "HUB-PAR-001")
    assert (new.supersedes, new.superseded_by, new.message) == (HEAD, (), "m0")
    payloads = await store.payloads(HEAD)
    assert payloads is not None
    assert payloads.sealed == sealed("old bytes")
    assert [one.attempt.outcome for one in await store.attempts(HEAD)] == ["refused"]
    assert await store.attempts("new1") == ()
    fresh = await store.payloads("new1")
    assert fresh is not None
    assert (fresh.sealed, fresh.canonical) == (None, payloads.canonical)
    message = await store.message("m0")
    assert message is not None
    assert set(message.transfers) == {HEAD, "new1"}
    rows = {row.what: row for row in await store.journal(message="m0")}
    assert rows["supersede"].facts["successor"] == "new1"
    assert rows["corrects"].facts == {"supersedes": HEAD, "key": "m0:so-tnmt:0.2"}


async def test_addresses_in_the_old_bytes_stay_the_old_ones(store: Store) -> None:
    await lane(store, 1)
    (work,) = await store.claim("w", at(1), 10, 30)
    link = Link(uid="7f", sha256="ab" * 32, media_type="x/y", name="n", grace=60)
    await store.seal(work.token, {HEAD: msgspec.structs.replace(sealed("old bytes"), links=(link,))})
    refused = Settlement(transfer=HEAD, move=Move.REFUSE, attempts=(attempt("refused"),))
    await store.settle(work.token, [refused], at(2))
    await correct(store, expected=State.REFUSED)
    reach = await store.documents.reach("7f", at(6))
    assert reach is not None
    assert reach.transfer == HEAD


async def test_a_correction_may_be_corrected(store: Store) -> None:
    await lane(store, 1)
    await settled(store, Move.REFUSE)
    await correct(store, expected=State.REFUSED)
    await settled(store, Move.REFUSE)
    made = await correct(store, "new1", "new2", expected=State.REFUSED)
    assert (made.key, made.supersedes) == ("m0:so-tnmt:0.3", "new1")
    assert [one.id for one in await store.transfers(Filter(states=("waiting",)))] == ["new2"]


async def test_what_waits_behind_is_corrected_in_its_place_too(store: Store) -> None:
    await lane(store, 3)
    await correct(store, "m1.so-tnmt.0", expected=State.WAITING, tries=0)
    order = []
    for second in range(6, 9):
        (work,) = await store.claim("w", at(second), 10, 30)
        await store.settle(work.token, [delivered(work.transfer)], at(second))
        order.append(work.transfer)
    assert order == [HEAD, "new1", "m2.so-tnmt.0"]


MORE = (("new2", "second"), ("new3", "third"))


async def in_order(store: Store, many: int) -> list[str]:
    """Deliver so many, one after the other."""
    order: list[str] = []
    for second in range(6, 6 + many):
        (work,) = await store.claim("w", at(second), 10, 30)
        assert await store.settle(work.token, [delivered(work.transfer)], at(second))
        order.append(work.transfer)
    return order


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
async def test_parts_that_the_message_did_not_have_come_right_behind_the_corrected_one(
    store: Store, depth: int
) -> None:
    await lane(store, depth)
    await settled(store, Move.REFUSE)
    await correct(store, expected=State.REFUSED, more=MORE)
    made = [await view(store, id_) for id_ in ("new1", "new2", "new3")]
    assert [(one.operation, one.part, one.key) for one in made] == [
        ("today", 0, "m0:so-tnmt:0.2"),
        ("second", 1, "m0:so-tnmt:1"),
        ("third", 2, "m0:so-tnmt:2"),
    ]
    assert {one.supersedes for one in made} == {HEAD}
    assert sorted((await view(store, HEAD)).superseded_by) == ["new1", "new2", "new3"]
    assert await store.conservation() == ()
    others = [f"m{step}.so-tnmt.0" for step in range(1, depth)]
    assert await in_order(store, depth + 2) == ["new1", "new2", "new3", *others]
    (told,) = [row for row in await store.journal(transfer=HEAD) if row.what == "supersede"]
    assert told.facts["successor"] == "new1 new2 new3"


async def test_further_parts_of_what_waits_behind_a_sent_head_come_in_its_place(store: Store) -> None:
    await lane(store, 4)
    (work,) = await store.claim("w", at(1), 10, 30)
    await correct(store, "m1.so-tnmt.0", expected=State.WAITING, tries=0, more=MORE)
    assert await store.settle(work.token, [delivered(work.transfer)], at(2))
    wanted = ["new1", "new2", "new3", "m2.so-tnmt.0", "m3.so-tnmt.0"]
    assert await in_order(store, 5) == wanted


async def test_where_order_is_not_promised_further_parts_come_last(store: Store) -> None:
    await lane(store, 3, order_sensitive=False)
    await settled(store, Move.REFUSE)
    (work,) = await store.claim("w", at(3), 10, 30)
    assert work.transfer == "m1.so-tnmt.0"
    await correct(store, expected=State.REFUSED, more=MORE)
    assert await store.settle(work.token, [delivered(work.transfer)], at(5))
    assert sorted(await in_order(store, 4)) == ["m2.so-tnmt.0", "new1", "new2", "new3"]


async def test_what_waits_behind_a_head_that_is_being_sent_can_be_corrected(store: Store) -> None:
    await lane(store, 2)
    (work,) = await store.claim("w", at(1), 10, 30)
    await correct(store, "m1.so-tnmt.0", expected=State.WAITING, tries=0)
    await store.settle(work.token, [delivered(work.transfer)], at(6))
    (next_,) = await store.claim("w", at(7), 10, 30)
    assert next_.transfer == "new1"


async def test_nothing_is_corrected_while_it_is_sent_or_after_it_moved(store: Store) -> None:
    await lane(store)
    (work,) = await store.claim("w", at(1), 10, 30)
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        await correct(store, expected=State.IN_DOUBT, tries=0)
    await store.settle(work.token, [deferred(HEAD, at(60))], at(2))
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await correct(store, expected=State.REFUSED)
    with pytest.raises(
        Refusal, match="HUB-LAN-003"
    ):  # one more try than the person saw: something may have left
        await correct(store, expected=State.WAITING, tries=0)
    with pytest.raises(Refusal, match="HUB-LAN-004"):
        await correct(store, "nobody", expected=State.WAITING)
    assert (await view(store, HEAD)).state is State.WAITING


async def test_two_people_correct_it_once(another: Open) -> None:
    one, two = another(), another()
    await lane(one)
    await settled(one, Move.REFUSE)
    done = await asyncio.gather(
        correct(one, new="a", expected=State.REFUSED),
        correct(two, new="b", expected=State.REFUSED),
        return_exceptions=True,
    )
    refused = [each for each in done if isinstance(each, Refusal)]
    assert [each.code for each in refused] == ["HUB-LAN-003"]
    assert len((await view(one, HEAD)).superseded_by) == 1


async def test_a_receipt_for_the_old_one_after_its_correction_is_shown(store: Store) -> None:
    await lane(store)
    await settled(store, None)
    await correct(store, expected=State.IN_DOUBT)
    said = Acknowledgement(partner="so-tnmt", raw=b"{}", received_at=at(9), said_at=at(9), key="m0:so-tnmt:0")
    taken = await store.acknowledge(said)
    assert taken.state is State.WITHDRAWN
    assert (await view(store, HEAD)).problem == "HUB-RCP-006"
    assert (await view(store, "new1")).state is State.WAITING


# --- routed again -----------------------------------------------------------------------------------------------


def to(partner: str, number: int = 1, *, problem: str = "", part: int = 0) -> NewTransfer:
    return NewTransfer(
        id=f"r{number}.{partner}",
        partner=partner,
        operation="submit",
        part=part,
        key="",
        lane_subject="d1",
        deadline=at(1000),
        problem=Problem(code=problem) if problem else None,
    )


async def unrouted(store: Store) -> str:
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    await store.accept(acceptance("m0", dossier="d1", partners=("unrouted",), problem="HUB-RTE-001"))
    await store.accept(acceptance("m1", dossier="d1", version=1, partners=("so-tnmt",)))
    return "m0.unrouted.0"


def rerouting(old: str, *transfers: NewTransfer, version: int = 2) -> Rerouting:
    return Rerouting(
        old=old,
        transfers=transfers,
        rule="steps",
        reason="partner declared",
        by="thu",
        expected_version=version,
        story=b'{"story":2}',
    )


async def test_new_transfers_stand_at_the_end_of_their_lanes_and_the_parked_one_is_withdrawn(
    store: Store,
) -> None:
    parked = await unrouted(store)
    made = await store.reroute(rerouting(parked, to("so-tnmt"), to("dvcqg")), at(5))
    assert [(one.id, one.key, one.supersedes) for one in made] == [
        ("r1.so-tnmt", "m0:so-tnmt:0", parked),
        ("r1.dvcqg", "m0:dvcqg:0", parked),
    ]
    old = await view(store, parked)
    assert (old.state, old.superseded_by) == (State.WITHDRAWN, ("r1.so-tnmt", "r1.dvcqg"))
    first = await store.claim("w", at(6), 10, 30)
    assert sorted(work.transfer for work in first) == ["m1.so-tnmt.0", "r1.dvcqg"]
    dossier = await store.dossier("d1")
    assert dossier is not None
    assert (dossier.version, dossier.story) == (3, b'{"story":2}')
    row = next(row for row in await store.journal(transfer=parked) if row.what == "supersede")
    assert (row.facts["rule"], row.facts["reason"], row.facts["why"]) == (
        "steps",
        "routed again",
        "partner declared",
    )


async def test_the_same_partner_again_gets_a_further_generation(store: Store) -> None:
    await lane(store, 1, problem="HUB-RTE-003")
    (made,) = await store.reroute(rerouting(HEAD, to("so-tnmt"), version=1), at(5))
    assert made.key == "m0:so-tnmt:0.2"
    (work,) = await store.claim("w", at(6), 10, 30)
    assert work.transfer == made.id


async def test_one_that_still_cannot_be_said_is_born_parked(store: Store) -> None:
    parked = await unrouted(store)
    (made,) = await store.reroute(rerouting(parked, to("dvcqg", problem="HUB-MAP-002")), at(5))
    assert (made.state, made.problem) == (State.PARKED, "HUB-MAP-002")


async def test_routed_twice_makes_nothing_twice(another: Open) -> None:
    one, two = another(), another()
    parked = await unrouted(one)
    done = await asyncio.gather(
        one.reroute(rerouting(parked, to("so-tnmt", 1)), at(5)),
        two.reroute(rerouting(parked, to("so-tnmt", 2)), at(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Stale | Refusal) for each in done) == 1
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await one.reroute(rerouting(parked, to("so-tnmt", 3), version=3), at(6))
    made = [view for view in await one.transfers(Filter(partner="so-tnmt")) if view.message == "m0"]
    assert len(made) == 1


async def test_two_parked_ones_of_one_message_do_not_both_go_to_one_partner(store: Store) -> None:
    await store.capacities(roomy("so-tnmt", "dvcqg"))
    await store.accept(acceptance("m0", dossier="d1", partners=("unrouted", "dvcqg"), problem="HUB-RTE-003"))
    await store.reroute(rerouting("m0.unrouted.0", to("so-tnmt"), version=1), at(5))
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await store.reroute(rerouting("m0.dvcqg.0", to("so-tnmt", 2), version=2), at(6))
    assert (await view(store, "m0.dvcqg.0")).state is State.PARKED


async def test_a_dossier_that_moved_is_decided_anew(store: Store) -> None:
    parked = await unrouted(store)
    with pytest.raises(Stale):
        await store.reroute(rerouting(parked, to("so-tnmt"), version=1), at(5))
    assert (await view(store, parked)).state is State.PARKED


async def test_only_what_is_parked_is_routed_again(store: Store) -> None:
    await lane(store, 1)
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await store.reroute(rerouting(HEAD, to("dvcqg"), version=1), at(5))
    with pytest.raises(Refusal, match="HUB-LAN-004"):
        await store.reroute(rerouting("nobody", to("dvcqg"), version=1), at(5))


# --- sent without asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.REFUSED, State.DEAD, State.IN_DOUBT])
async def test_send_anyway_sends_the_same_bytes_without_asking(store: Store, state: State) -> None:
    await lane(store)
    await settled(store, STOPS[state])
    after = await store.act(
        HEAD, Move.SEND_ANYWAY, expected=state, reason="they lost it", by="thu", now=at(5), approver="hoa"
    )
    assert after.state is State.WAITING
    (work,) = await store.claim("w", at(6), 10, 30)
    assert (work.transfer, work.doubt, work.attempts) == (HEAD, False, 0)
    assert work.sealed == sealed("old bytes")
    row = (await store.journal(transfer=HEAD))[-1]
    assert (row.what, row.facts["approver"], row.facts["before"]) == ("send_anyway", "hoa", str(state))


async def test_a_refusal_is_sent_again_without_asking(store: Store) -> None:
    await lane(store)
    await settled(store, Move.REFUSE)
    await store.act(HEAD, Move.RESEND, expected=State.REFUSED, reason="r", by="thu", now=at(5))
    (work,) = await store.claim("w", at(6), 10, 30)
    assert (work.transfer, work.doubt) == (HEAD, False)


@pytest.mark.parametrize("move", [Move.SEND_ANYWAY, Move.RESEND, Move.SUPERSEDE])
async def test_what_is_delivered_or_waiting_is_not_sent_anyway(store: Store, move: Move) -> None:
    await lane(store)
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        await store.act(HEAD, move, expected=State.WAITING, reason="r", by="thu", now=at(5), approver="hoa")
