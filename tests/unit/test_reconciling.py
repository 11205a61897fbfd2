"""A day compared: an equal one costs a few bytes, and what differs is found exactly, however much is equal."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.reconciling.comparing import FIXES, Fix, What, findings
from hub.reconciling.items import Item, Side, Standing, Way
from hub.reconciling.summary import Node, Told, Tree, differing, mirrored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def item(number: int, standing: Standing = Standing.TAKEN, said: str = "") -> Item:
    digest = hashlib.sha256(f"{number}{said}".encode()).hexdigest()
    return Item(id=f"01K9ZQ{number:020}:so-tnmt:1", standing=standing, digest=digest)


class Line:
    """The other side behind a wire: what goes over it is counted, and goes as JSON both ways."""

    def __init__(self, side: Side) -> None:
        self._tree = Tree(side.mirrored)
        self._of = Tree(side)
        self.octets, self.questions = 0, 0

    async def digest(self) -> str:
        self.questions += 1
        told = self._tree.digest()
        self.octets += len(msgspec.json.encode({"day": "2026-11-23", "digest": told}))
        return told

    async def told(self, nodes: Sequence[Node]) -> Mapping[Node, Told]:
        self.questions += 1
        asked = msgspec.json.encode(mirrored(nodes))
        answer = msgspec.json.encode(
            [self._of.told(each) for each in msgspec.json.decode(asked, type=list[Node])]
        )
        self.octets += len(asked) + len(answer)
        return dict(zip(nodes, msgspec.json.decode(answer, type=list[Told]), strict=True))


def compared(ours: Side, theirs: Side) -> tuple[Side, Side, Line]:
    """``theirs``: in the other side's own words."""
    line = Line(theirs)
    return *asyncio.run(differing(Tree(ours), line)), line


def test_an_equal_day_costs_less_than_a_hundred_bytes_however_much_went() -> None:
    ours = Side(tuple(map(item, range(4000))), tuple(map(item, range(5000, 6000))))
    here, there, line = compared(ours, ours.mirrored)
    assert (here, there) == (Side(), Side())
    assert line.questions == 1
    assert line.octets <= 100


def test_one_that_differs_among_many_costs_a_few_questions() -> None:
    ours = Side(tuple(map(item, range(4096))), ())
    theirs = Side((), tuple(map(item, range(4095))))
    here, there, line = compared(ours, theirs)
    assert (here, there) == (Side((item(4095),)), Side())
    assert line.octets < 8000  # of the 600,000 that the lists have


def test_the_empty_day_of_both_sides_agrees() -> None:
    assert compared(Side(), Side())[:2] == (Side(), Side())


ITEMS = st.dictionaries(
    st.integers(0, 40), st.tuples(st.sampled_from(Standing), st.sampled_from(["", "other"])), max_size=40
).map(lambda told: tuple(item(number, *rest) for number, rest in sorted(told.items())))
SIDES = st.builds(Side, ITEMS, ITEMS)


@given(SIDES, SIDES)
@settings(max_examples=200, deadline=None)
def test_what_is_found_is_exactly_what_is_not_the_same(ours: Side, theirs: Side) -> None:
    here, there, _ = compared(ours, theirs.mirrored)
    for way in Way:
        own, its = set(map(msgspec.json.encode, ours.of(way))), set(map(msgspec.json.encode, theirs.of(way)))
        assert set(map(msgspec.json.encode, here.of(way))) == own - its
        assert set(map(msgspec.json.encode, there.of(way))) == its - own


@given(SIDES, SIDES)
@settings(max_examples=100, deadline=None)
def test_the_tree_finds_what_the_whole_lists_would(ours: Side, theirs: Side) -> None:
    here, there, _ = compared(ours, theirs.mirrored)
    assert findings(here, there) == findings(ours, theirs)


@pytest.mark.parametrize(
    ("way", "own", "its", "what"),
    [
        (Way.SENT, item(1), None, What.MISSING),
        (Way.SENT, item(1, Standing.REFUSED), None, None),
        (Way.SENT, item(1, Standing.OPEN), None, None),
        (Way.SENT, None, item(1), What.EXTRA),
        (Way.SENT, item(1, Standing.OPEN), item(1), What.STATE),
        (Way.SENT, item(1, Standing.REFUSED), item(1), What.STATE),
        (Way.SENT, item(1), item(1, said="other"), What.DIGEST),
        (Way.SENT, item(1), item(1), None),
        (Way.SENT, item(1), Item(id=item(1).id), None),
        (Way.RECEIVED, None, item(1), What.MISSING),
        (Way.RECEIVED, None, item(1, Standing.OPEN), None),
        (Way.RECEIVED, None, item(1, Standing.REFUSED), None),
        (Way.RECEIVED, item(1), None, What.EXTRA),
        (Way.RECEIVED, item(1), item(1, said="other"), What.DIGEST),
        (Way.RECEIVED, item(1), item(1, Standing.REFUSED), What.STATE),
    ],
)
def test_the_table_of_cases(way: Way, own: Item | None, its: Item | None, what: What | None) -> None:
    def side(one: Item | None) -> Side:
        told = (one,) if one else ()
        return Side(told, ()) if way is Way.SENT else Side((), told)

    found = findings(side(own), side(its))
    assert [each.what for each in found] == ([what] if what else [])


def test_every_case_can_be_explained_and_other_bytes_are_never_sent_under_a_key() -> None:
    assert set(FIXES) == {(way, what) for way in Way for what in What}
    assert all(Fix.EXPLAIN in fixes for fixes in FIXES.values())
    assert all(Fix.RESEND not in FIXES[way, What.DIGEST] for way in Way)
