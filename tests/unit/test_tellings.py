"""Stamps, and words that mean the same at every hub."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from hub.story.record import Story, StoryLeg
from hub.story.tellings import Stamp, Telling, chains, counted, from_json, heard, stamped, to_json
from hub.story.words import Effect, Words, gathered, spread
from schemas.dossier import Kind, State
from schemas.problems import Refusal

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
FULL = Words(
    kind=Kind.RECEIVED,
    speaker="000.01.15.H47",
    state=State.ACCEPTED,
    receiver="000.02.15.H47",
    settles_duty=True,
    effect=Effect.PROGRESS,
    confirms=True,
    by_origin=True,
    code="000.01.15.H47-260302-0001",
    received_by="000.01.15.H47",
    opened_on=date(2026, 3, 2),
    national="1.004194",
    local="L-1",
    parent="P-1",
    children=("C-1", "C-2"),
    due=AT,
    moves_due=True,
)


def telling(hub: str, no: int, **seen: int) -> Telling:
    words = Words(kind=Kind.STEP, speaker="a")
    return Telling(
        stamp=Stamp(hub=hub, no=no, seen=seen),
        message=f"{hub}{no}",
        digest=f"{no:064x}",
        agency="a",
        partner="p",
        words=words,
    )


def story() -> Story:
    return Story(
        origin="desk",
        origin_agency="a",
        received_by="a",
        opened_on=date(2026, 3, 2),
        state=State.ACCEPTED,
        legs=(StoryLeg(agency="a", state=State.ACCEPTED),),
    )


def test_words_come_back_as_they_were_spread_beside_what_else_stands_there() -> None:
    told = spread(FULL)
    assert set(told) == set(Words.__struct_fields__), "a new word must travel, too"
    assert all(isinstance(value, str | bool | int) for value in told.values())
    assert gathered({**told, "authority": "H47"}) == FULL


def test_words_that_nobody_said_are_none() -> None:
    assert gathered({"authority": "H47"}) is None


@pytest.mark.parametrize("wrong", [{"kind": "no_kind"}, {"due": "tomorrow"}, {"effect": "wins"}])
def test_words_that_are_none_of_ours_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        gathered({**spread(FULL), **wrong})


def test_a_hub_numbers_its_own_messages_and_says_what_it_knew() -> None:
    assert stamped({}, "a") == Stamp(hub="a", no=1)
    assert stamped({"a": 2, "b": 5}, "a") == Stamp(hub="a", no=3, seen={"a": 2, "b": 5})


def test_a_message_follows_what_its_hub_knew_and_what_its_hub_had_said() -> None:
    late = Stamp(hub="a", no=3, seen={"a": 2, "b": 1})
    assert late.follows(Stamp(hub="b", no=1))
    assert late.follows(Stamp(hub="a", no=2))
    assert not late.follows(Stamp(hub="b", no=2))
    assert not Stamp(hub="b", no=2, seen={"b": 1}).follows(late)


@pytest.mark.parametrize(
    ("known", "follows"),
    [
        ({}, True),
        ({"a": 2}, True),
        ({"a": 2, "b": 1}, True),
        ({"a": 3}, False),
        ({"b": 2}, False),
        ({"c": 1}, False),
    ],
)
def test_a_message_follows_all_that_is_known_or_it_does_not(known: dict[str, int], *, follows: bool) -> None:
    assert Stamp(hub="a", no=3, seen={"a": 2, "b": 1}).follows_all(known) is follows


def test_the_chains_are_the_same_one_by_one_and_anew_in_any_order() -> None:
    said = [telling("a", 1), telling("b", 1, a=1), telling("a", 2, a=1)]
    told = story()
    for each in said:
        told = counted(told, each)
    assert told.heard == heard(said) == {"a": 2, "b": 1}
    assert told.chains == chains(reversed(said))
    other = msgspec.structs.replace(said[0], digest="f" * 64)
    assert chains([other, *said[1:]])["a"] != told.chains["a"]


def test_a_telling_is_read_as_it_was_written() -> None:
    said = msgspec.structs.replace(telling("a", 2, a=1), words=FULL)
    assert from_json(to_json(said)) == said
