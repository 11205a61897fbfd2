"""What was said so far, on every engine: all of it, in order, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.delivery.remembering import apologised
from hub.going_live.stages import RECORDED
from hub.store.contract.mending import Merging
from schemas.dossier import Dossier, Event, Kind, Message, to_json
from tests.store.samples import acceptance, at, sealed

if TYPE_CHECKING:
    from hub.store.contract.store import Store

MORE_THAN_A_PAGE = 510
"""A person's view of a dossier ends before."""


async def test_every_message_of_a_dossier_is_there_however_many_there_are(store: Store) -> None:
    for version in range(MORE_THAN_A_PAGE):
        await store.accept(acceptance(f"m{version}", dossier="d1", version=version, partners=()))
    await store.accept(acceptance("x", dossier="d2", sender="so-tnmt", partners=()))
    said = await store.said.of("d1")
    assert [each.id for each in said] == [f"m{n}" for n in range(MORE_THAN_A_PAGE)]
    assert (said[0].sender, said[0].key, said[0].kind) == ("motcua-tinh", "key-m0", "received")


async def test_merged_dossiers_have_one_past(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1", partners=()))
    await store.accept(acceptance("m2", dossier="d2", partners=()))
    await store.accept(acceptance("m3", dossier="d1", version=1, partners=()))
    await store.merge(
        Merging(
            kept="d1",
            other="d2",
            kept_version=2,
            other_version=1,
            story=b"{}",
            reason="twice",
            by="an",
            approver="binh",
        ),
        at(5),
    )
    for name in ("d1", "d2"):
        assert [each.id for each in await store.said.of(name)] == ["m1", "m2", "m3"]


async def test_what_was_quarantined_and_reaches_nobody_is_counted_for_a_week(store: Store) -> None:
    facts: tuple[dict[str, str], ...] = (
        {},
        {"quarantine": "HUB-DOS-004"},
        {"quarantine": "HUB-DOS-005", "stage": "trial"},
    )
    for version, told in enumerate(facts):
        new = acceptance(f"m{version}", dossier="d1", version=version, partners=())
        await store.accept(msgspec.structs.replace(new, facts=told))
    parked = acceptance("m3", dossier="d1", version=3, problem="HUB-DOS-004")
    await store.accept(msgspec.structs.replace(parked, facts={"quarantine": "HUB-DOS-004"}))
    found = await store.inspect(at(60))
    assert (found.strays, found.stray) == (1, ("code-d1", "HUB-DOS-004"))
    assert (await store.inspect(at(8 * 86_400))).strays == 0


async def test_a_senders_messages_are_listed_newest_first_with_what_held_them(store: Store) -> None:
    for n in range(3):
        new = acceptance(f"m{n}", dossier=f"d{n}", partners=())
        held = {"quarantine": "HUB-DOS-004"} if n == 1 else {}
        await store.accept(msgspec.structs.replace(new, facts=held))
    await store.accept(acceptance("x", dossier="dx", sender="so-tnmt", partners=()))
    first = await store.messages("motcua-tinh", "", 2)
    assert [(each.id, each.quarantine) for each in first] == [("m2", ""), ("m1", "HUB-DOS-004")]
    assert [each.id for each in await store.messages("motcua-tinh", "m1", 2)] == ["m0"]


async def test_what_was_quarantined_or_only_recorded_is_no_part_of_what_was_believed(store: Store) -> None:
    facts: tuple[dict[str, str], ...] = (
        {},
        {"quarantine": "HUB-DOS-004"},
        {"rule": RECORDED},
        {"flags": "x"},
    )
    for version, told in enumerate(facts):
        new = acceptance(f"m{version}", dossier="d1", version=version, partners=())
        await store.accept(msgspec.structs.replace(new, facts=told))
    found = await store.said.past("d1")
    assert found is not None
    assert found.origin == "motcua-tinh"
    assert [(each.id, each.sender, each.kind) for each in found.messages] == [
        (name, "motcua-tinh", "received") for name in ("m0", "m3")
    ]
    assert [each.id for each in found.doubted] == ["m1"]
    assert await store.said.past("gone") is None


async def test_an_apology_that_was_only_recorded_is_not_shown_as_one(store: Store) -> None:
    """A new system in parallel repeats what the live one says: the applicant heard it once."""
    said = Message(
        event=Event(kind=Kind.APOLOGY, at=at(0), reason="Chờ trích đo"),
        key="k",
        sender="motcua-tinh",
        agency="000.00.00.H47",
        dossier=Dossier(code="D-1"),
    )
    rows: tuple[dict[str, str], ...] = ({}, {"rule": RECORDED})
    for version, facts in enumerate(rows):
        new = acceptance(f"m{version}", dossier="d1", version=version, partners=())
        new = msgspec.structs.replace(new, kind=said.kind, canonical=to_json(said), facts=facts)
        await store.accept(new)
    found = await store.dossier("d1")
    assert found is not None
    told = await apologised(store.said, found.id, found.messages)
    assert [(each.message, each.reason) for each in told] == [("m0", "Chờ trích đo")]


async def test_a_trial_has_a_past_of_its_own(store: Store) -> None:
    for version in range(2):
        new = acceptance(f"m{version}", dossier="d1", version=version, partners=())
        await store.accept(msgspec.structs.replace(new, facts={"stage": "trial"}))
    await store.accept(acceptance("m2", dossier="d1", version=2, partners=()))
    found = await store.said.past("d1")
    assert found is not None
    assert [each.id for each in found.messages] == ["m0", "m1"]


async def test_what_was_taken_from_earlier_messages_is_shown_with_its_transfer(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1", partners=("so-tnmt", "dvcqg")))
    works = await store.claim("w", at(0), 10, 30.0)
    taken = {"dossier.summary": "m0", "dossier.applicant.name": "m0"}
    whole = {work.transfer: sealed() for work in works}
    whole["m1.dvcqg.0"] = msgspec.structs.replace(whole["m1.dvcqg.0"], taken=taken)
    assert await store.seal(works[0].token, whole)
    views = [await store.transfer(f"m1.{name}.0") for name in ("dvcqg", "so-tnmt")]
    assert [dict(view.taken) for view in views if view] == [taken, {}]


async def test_keys_are_found_by_how_they_begin_in_the_order_of_their_messages(store: Store) -> None:
    for number, key in enumerate(("R2-b", "R1-x", "R2-a", "R20", "r2-c")):
        await store.accept(acceptance(f"m{number}", key=key, partners=()))
    await store.accept(acceptance("other", key="R2-z", sender="so-tnmt", partners=()))
    assert await store.said.under("motcua-tinh", "R2-") == ("R2-b", "R2-a")
    assert await store.said.under("motcua-tinh", "R3-") == ()


async def test_what_was_said_is_read_whether_or_not_it_went_to_anybody(store: Store) -> None:
    await store.accept(acceptance("m1", dossier="d1", partners=()))
    await store.accept(acceptance("m2", dossier="d1", version=1, partners=()))
    assert await store.said.canonical(["m2", "m1"]) == (b'{"canonical":"m2"}', b'{"canonical":"m1"}')
    assert await store.said.canonical(["m1", "gone"]) is None
    assert await store.said.canonical([]) == ()
    assert await store.said.readable(["gone", "m1"]) == {"m1": b'{"canonical":"m1"}'}
    assert (await store.said.raw("m1"), await store.said.raw("gone")) == (acceptance("m1").raw, b"")
    if await store.forget("d1", reason="asked", by="an", now=at(5)):  # encrypted: its key is gone
        assert await store.said.canonical(["m1"]) is None
        assert await store.said.readable(["m1"]) == {}
        assert await store.said.raw("m1") == b""
