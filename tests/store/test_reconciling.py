"""What a day with a partner holds, and sending again what turned out not to be there."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.deadlines.calendar import VIETNAM
from hub.lifecycle import Move, State
from hub.reconciling import results
from hub.reconciling.comparing import What, findings
from hub.reconciling.days import ours, receipted
from hub.reconciling.items import Item, Side, Standing
from hub.store.contract.delivery import Acknowledgement
from hub.store.contract.edges import FIRST, Batch
from hub.store.contract.reconciling import Act, Mended, Signed
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.contract.store import Store

DAY = date(2026, 11, 23)
PARTNER = "so-tnmt"
MIDNIGHT = datetime(2026, 11, 24, tzinfo=VIETNAM)


async def deliver(store: Store, second: float) -> list[str]:
    works = await store.claim("w", at(second), 10, 30)
    for work in works:
        await store.seal(work.token, {work.transfer: sealed()})
        await store.settle(work.token, [delivered(work.transfer, receipt_by=at(900))], at(second + 1))
    return [work.transfer for work in works]


async def acknowledge(store: Store, key: str, second: float) -> State:
    receipt = Acknowledgement(
        partner=PARTNER,
        raw=f"{key} at {second}".encode(),
        received_at=at(second),
        said_at=at(second),
        key=key,
    )
    return (await store.acknowledge(receipt)).state


async def send_again(
    store: Store, transfer: str, expected: State, second: float, approver: str = "hoa"
) -> State:
    view = await store.act(
        transfer,
        Move.SEND_AGAIN,
        expected=expected,
        reason="not in their list",
        by="reconciliation",
        now=at(second),
        approver=approver,
    )
    return view.state


def keys(items: Sequence[Item]) -> list[str]:
    return [each.id for each in items]


async def test_a_day_ends_at_midnight_in_vietnam_and_is_one_partners(store: Store) -> None:
    await store.capacities(roomy(PARTNER, "other"))
    for name, when in (("m1", at(0)), ("m2", MIDNIGHT - timedelta(microseconds=1)), ("m3", MIDNIGHT)):
        await store.accept(acceptance(name, dossier=name, when=when))
    await store.accept(acceptance("m4", dossier="m4", partners=("other",)))
    told = await ours(store.days, PARTNER, DAY)
    assert keys(told.sent) == ["m1:so-tnmt:0", "m2:so-tnmt:0"]
    assert {each.code for each in told.sent} == {"code-m1", "code-m2"}
    assert {each.standing for each in told.sent} == {Standing.OPEN}
    assert keys((await ours(store.days, "motcua-tinh", DAY)).received) == ["key-m1", "key-m4", "key-m2"]
    assert keys((await ours(store.days, PARTNER, DAY + timedelta(days=1))).sent) == ["m3:so-tnmt:0"]
    assert await ours(store.days, "nobody", DAY) == Side()


async def test_what_is_delivered_is_told_by_the_digest_of_what_was_sent(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    await store.accept(acceptance("m1", dossier="d1"))
    await deliver(store, 1)
    (told,) = (await ours(store.days, PARTNER, DAY)).sent
    assert (told.standing, told.digest) == (Standing.TAKEN, hashlib.sha256(sealed().payload).hexdigest())


async def test_what_is_being_sent_just_now_is_open_and_what_was_withdrawn_is_nobodys(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    for name in ("m1", "m2"):
        await store.accept(acceptance(name, dossier=name))
    await store.act("m2.so-tnmt.0", Move.WITHDRAW, expected=State.WAITING, reason="r", by="thu", now=at(1))
    await store.claim("w", at(2), 10, 30)
    (told,) = await store.days.sent(PARTNER, at(-10), at(10))
    assert (told.key, told.state) == ("m1:so-tnmt:0", State.IN_DOUBT)


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_what_was_lost_after_a_false_taken_is_found_and_sent_again_under_its_key(
    store: Store, *, acknowledged: bool
) -> None:
    await store.capacities(roomy(PARTNER))
    await store.accept(acceptance("m1", dossier="d1"))
    await store.accept(acceptance("m2", dossier="d2"))
    lost, _ = sorted(await deliver(store, 1))
    if acknowledged:
        assert await acknowledge(store, "m1:so-tnmt:0", 3) is State.ACKNOWLEDGED
    here = await ours(store.days, PARTNER, DAY)
    theirs = Side((), tuple(each for each in here.sent if each.id != "m1:so-tnmt:0"))
    (found,) = findings(here, theirs.mirrored)
    assert (found.what, found.id) == (What.MISSING, "m1:so-tnmt:0")
    before = State.ACKNOWLEDGED if acknowledged else State.DELIVERED
    assert await send_again(store, lost, before, 5) is State.WAITING
    (again,) = await store.claim("w", at(6), 10, 30)
    assert (again.transfer, again.key, again.sealed, again.doubt) == (lost, found.id, sealed(), False)
    await store.settle(again.token, [delivered(lost, receipt_by=at(900))], at(7))
    view = await store.transfer(lost)
    assert view is not None
    assert (view.state, view.receipt_at, view.receipt_by) == (State.DELIVERED, None, at(900))
    assert await acknowledge(store, found.id, 8) is State.ACKNOWLEDGED
    view = await store.transfer(lost)
    assert view is not None
    assert view.receipt_at == at(8)
    assert findings(await ours(store.days, PARTNER, DAY), here) == ()
    said = [each for each in await store.journal(transfer=lost) if each.what == "send_again"]
    assert [(each.facts["by"], each.facts["approver"]) for each in said] == [("reconciliation", "hoa")]


async def test_nobody_sends_again_alone_what_the_partner_has_acknowledged(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    await store.accept(acceptance("m1", dossier="d1"))
    (transfer,) = await deliver(store, 1)
    with pytest.raises(Refusal, match="HUB-LAN-010"):
        await send_again(store, transfer, State.DELIVERED, 5, approver="Reconciliation")
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await send_again(store, transfer, State.ACKNOWLEDGED, 5)


async def test_what_is_sent_again_goes_before_what_came_after_it(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    await store.accept(acceptance("m1", dossier="d1"))
    (first,) = await deliver(store, 1)
    await store.accept(acceptance("m2", dossier="d1", version=1))
    await send_again(store, first, State.DELIVERED, 5)
    (work,) = await store.claim("w", at(6), 10, 30)
    assert work.transfer == first


async def test_receipts_are_the_other_side_of_a_partner_that_tells_no_list(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    for name in ("m1", "m2"):
        await store.accept(acceptance(name, dossier=name))
    await deliver(store, 1)
    await acknowledge(store, "m1:so-tnmt:0", 3)
    found = findings(
        await ours(store.days, PARTNER, DAY), (await receipted(store.days, PARTNER, DAY)).mirrored
    )
    assert [(each.what, each.id) for each in found] == [(What.MISSING, "m2:so-tnmt:0")]


async def test_a_day_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.store.sql.reconciling.MOST", 1)
    await store.capacities(roomy(PARTNER))
    for name in ("m1", "m2"):
        await store.accept(acceptance(name, dossier=name))
    with pytest.raises(Refusal, match="HUB-LIM-003"):
        await ours(store.days, PARTNER, DAY)
    with pytest.raises(Refusal, match="HUB-LIM-003"):
        await store.days.came("motcua-tinh", at(-10), at(10))


async def test_a_result_never_changes_and_is_mended_and_signed_once(store: Store) -> None:
    await store.capacities(roomy(PARTNER))
    await store.accept(acceptance("m1", dossier="d1"))
    (lost,) = await deliver(store, 1)
    made = results.document(PARTNER, DAY, "list", await ours(store.days, PARTNER, DAY), Side())
    kept = await store.reconciled.keep(results.kept(made, "an", at(5)))
    assert await store.reconciled.keep(results.kept(made, "binh", at(6))) == kept
    assert results.read(kept) == made
    done = Mended(
        way="sent",
        id="m1:so-tnmt:0",
        fix="resend",
        at=at(7),
        by="an",
        reason="DS-1",
        approver="hoa",
        transfer=lost,
    )
    act = Act(move=Move.SEND_AGAIN, expected=State.DELIVERED)
    with pytest.raises(Refusal, match="HUB-LAN-010"):
        await store.reconciled.mend(kept, msgspec.structs.replace(done, approver="An"), act)
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await store.reconciled.mend(kept, done, Act(move=Move.SEND_AGAIN, expected=State.REFUSED))
    assert await store.reconciled.mended(PARTNER, DAY, 1) == ()
    await store.reconciled.mend(kept, done, act)
    with pytest.raises(Refusal, match="HUB-RCN-003"):
        await store.reconciled.mend(kept, done, act)
    assert await store.reconciled.mended(PARTNER, DAY, 1) == (done,)
    newer = await store.reconciled.keep(results.kept(made, "an", at(8)))
    assert newer.version == 2
    signed = Signed(at=at(9), by="an", digest="d", signature="", protocol=b"{}")
    with pytest.raises(Refusal, match="HUB-RCN-003"):
        await store.reconciled.sign(kept, signed)
    await store.reconciled.sign(newer, signed)
    assert await store.reconciled.signed(PARTNER, DAY, 2) == signed
    with pytest.raises(Refusal, match="HUB-RCN-003"):
        await store.reconciled.sign(newer, signed)
    with pytest.raises(Refusal, match="HUB-RCN-003"):
        await store.reconciled.mend(newer, done, None)
    assert await store.reconciled.listed(DAY) == (newer,)
    said = {each.what for each in await store.journal(transfer=lost)}
    assert {"send_again", "reconciliation_mended"} <= said


async def test_what_came_in_a_batch_counts_only_where_it_is_here_or_was_refused(store: Store) -> None:
    rows = [{"key": f"{name}:x:0", "id": name, "sha256": name} for name in ("m1", "lost", "refused")]
    manifest = msgspec.json.encode({"made_at": at(1), "entries": rows})
    refused = b'[{"key":"refused:x:0","code":"HUB-DOS-002","rule":""}]'
    batch = Batch(epoch=1, seq=1, digest="b1", manifest=manifest, signature="", refused=refused)
    await store.accept(acceptance("m1", dossier="d1"))
    assert await store.edges.take("x", batch, FIRST, at(2))
    found = await store.days.crossed("x", at(0), at(10))
    assert [(each.key, each.refused) for each in found] == [("m1:x:0", False), ("refused:x:0", True)]
    assert await store.days.crossed("x", at(5), at(10)) == ()
