"""What messages mean to every hub, kept with them on every engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.store.contract.intake import Numbered
from hub.store.contract.mending import Merging
from hub.store.contract.store import Stale
from hub.store.contract.views import GaveWay
from hub.story.merging import Aside, Fate, to_json
from tests.store.samples import acceptance, at

if TYPE_CHECKING:
    from hub.store.contract.intake import Acceptance
    from tests.store.engines import Open

pytestmark = pytest.mark.parametrize("another", ["sqlite", "postgres"], indirect=True)
"""Nothing here is encrypted: each engine once."""
GONE = Aside(hub="a", no=1, message="a1", fate=Fate.SET_ASIDE, code="HUB-DOS-011", rule="withdrawal", by="b1")


def said(message: str, no: int, dossier: str = "d-1", *, version: int | None = None, hub: str = "a", **more: object) -> Acceptance:  # fmt: skip
    told = acceptance(
        message,
        dossier=dossier,
        version=no - 1 if version is None else version,
        partners=("edge",) if dossier != "d-3" else (),
        when=at(no),
    )
    telling = f"{hub}{no}".encode()
    numbered = Numbered(hub=hub, no=no, telling=telling, **more)  # type: ignore[arg-type]
    return msgspec.structs.replace(told, numbered=numbered, truth=f"truth of {message}")


async def test_what_a_message_means_is_there_when_it_is_and_once(another: Open) -> None:
    here, elsewhere = another(), another()
    await here.accept(said("m1", 1, prefix=b"before"))
    await here.accept(said("m1", 1, prefix=b"before"))
    await here.accept(said("m2", 2, prefix=b"another"))
    kept = await elsewhere.said.tellings("d-1")
    assert kept.prefix == b"before", "the first one stands"
    assert [(each.message, each.telling, each.aside) for each in kept.said] == [
        ("m1", b"a1", b""),
        ("m2", b"a2", b""),
    ]
    assert await elsewhere.said.telling("d-1", "m2") == b"a2"
    assert await elsewhere.said.telling("d-1", "m3") is None


async def test_a_number_is_never_given_twice(another: Open) -> None:
    store = another()
    await store.accept(said("m1", 1))
    made = await asyncio.gather(
        *(store.accept(said(f"m{n}", 2, version=1)) for n in range(2, 6)), return_exceptions=True
    )
    assert sum(isinstance(each, Stale) for each in made) == 3
    assert len((await store.said.tellings("d-1")).said) == 2


async def test_what_gave_way_says_to_what_and_is_believed_again_when_that_changes(another: Open) -> None:
    store = another()
    await store.accept(said("m1", 1))
    await store.accept(said("m2", 1, hub="b", version=1, others={("a", 1): to_json(GONE)}))
    view = await store.message("m1")
    assert view is not None
    assert view.quarantine == "HUB-DOS-011"
    assert view.gave_way == GaveWay(fate="set_aside", code="HUB-DOS-011", rule="withdrawal", by="b1")
    inspection = await store.inspect(at(2))
    assert (inspection.yielded, inspection.yields) == (1, ("code-d-1", "withdrawal"))
    assert (await store.inspect(at(8 * 86_400))).yielded == 0
    await store.accept(said("m3", 2, hub="b", version=2, others={}))
    assert (await store.inspect(at(3))).yielded == 0
    view = await store.message("m1")
    assert view is not None
    assert (view.quarantine, view.gave_way) == ("", None)
    rows = [row for row in await store.journal(message="m1") if row.what != "accepted"]
    told = [(row.what, row.facts.get("rule"), row.facts["after"]) for row in rows if "after" in row.facts]
    assert told == [("set_aside", "withdrawal", "m2"), ("believed_again", None, "m3")]


async def test_digests_are_told_of_the_dossiers_in_which_a_partner_has_a_part(another: Open) -> None:
    store = another()
    for n in range(1, 4):
        await store.accept(said(f"m{n}", 1, f"d-{n}"))
    await store.accept(acceptance("m9", dossier="d-9", partners=("edge",)))
    found = await store.said.truths("edge")
    assert [(each.dossier, each.code, each.digest) for each in found] == [
        ("d-1", "code-d-1", "truth of m1"),
        ("d-2", "code-d-2", "truth of m2"),
    ]
    assert [each.dossier for each in await store.said.truths("edge", after="d-1")] == ["d-2"]
    assert len(await store.said.truths("motcua-tinh")) == 3


async def test_dossiers_that_are_made_one_begin_with_the_story_of_both(another: Open) -> None:
    store = another()
    await store.accept(said("m1", 1, "d-3"))
    await store.accept(msgspec.structs.replace(said("m2", 1, "d-4"), transfers=()))
    what = Merging(
        kept="d-3",
        other="d-4",
        kept_version=1,
        other_version=1,
        story=b"both",
        reason="twice",
        by="an",
        approver="binh",
    )
    await store.merge(what, at(9))
    assert (await store.said.tellings("d-4")).prefix == b"both"
    assert await store.said.telling("d-3", "m2") == b"a1"
