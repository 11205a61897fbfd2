"""Concurrent changes: the same story at every hub, whatever came first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.story.hearing import anew, follow, follows, prefix_of
from hub.story.merging import CONFLICT, Fate, merge
from hub.story.moving import Quarantined
from hub.story.owning import ORDER, RULES, rule_of
from hub.story.tellings import Stamp, Telling
from hub.story.truth import digest, root, truth
from hub.story.words import Effect, Words
from schemas.dossier import Kind, State

if TYPE_CHECKING:
    from hub.story.record import Story

K = Kind
DISTRICT, PROVINCE, LAND, TAX = "d.H47", "p.H47", "land.H47", "tax.G12"
DUE = datetime(2026, 3, 20, 10, tzinfo=UTC)


def said(hub: str, no: int, kind: Kind, speaker: str = DISTRICT, seen: dict[str, int] | None = None, **words: object) -> Telling:  # fmt: skip
    return Telling(
        stamp=Stamp(hub=hub, no=no, seen=seen or {}),
        message=f"{hub}{no}",
        digest=f"{hub}{no}".encode().hex(),
        agency=speaker,
        partner="desk",
        words=msgspec.convert({"kind": kind, "speaker": speaker, **words}, Words, strict=False),
    )


OPENED = said("a", 1, K.RECEIVED, by_origin=True, code="c-1", opened_on=date(2026, 3, 2), due=DUE)
WORKED_ON = said("a", 2, K.STEP, seen={"a": 1}, state=State.PROCESSING)
BOTH = {"a": 2}


def everywhere(*tellings: Telling, prefix: Story | None = None) -> tuple[Story, dict[str, tuple[str, str]]]:
    """Merge in every order of arrival, and say what came of it."""
    results = {
        (truth(one.story), one.order, one.aside)
        for some in permutations(tellings)
        if (one := merge(prefix, some)) and one.story
    }
    assert len(results) == 1, "the order of arrival decided something"
    found = merge(prefix, tellings)
    assert found.story is not None
    return found.story, {each.message: (each.fate, each.by) for each in found.aside}


def test_of_two_ends_the_one_of_the_agency_that_has_the_dossier_stands() -> None:
    finished = said("b", 1, K.FINISHED, DISTRICT, BOTH)
    withdrawn = said("a", 3, K.WITHDRAWN, "portal", BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, finished, withdrawn)
    assert story.state is State.FINISHED
    assert aside == {"a3": (Fate.SET_ASIDE, "b1")}


def test_a_word_about_a_leg_comes_before_its_being_handed_on() -> None:
    handed_on = said("a", 3, K.TRANSFERRED, DISTRICT, BOTH, receiver=LAND)
    step = said("b", 1, K.STEP, DISTRICT, BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, handed_on, step)
    assert {leg.agency: leg.passed_to for leg in story.legs} == {DISTRICT: (LAND,), LAND: ()}
    assert not aside, "both are kept"


def test_a_pause_stops_the_leg_that_was_handed_on_without_knowing_of_it() -> None:
    handed_on = said("a", 3, K.TRANSFERRED, DISTRICT, BOTH, receiver=LAND)
    asked = said("b", 1, K.SUPPLEMENT_REQUESTED, DISTRICT, BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, handed_on, asked)
    assert story.state is State.SUPPLEMENT
    assert aside == {"a3": (Fate.SET_ASIDE, "b1")}


def test_what_the_applicant_pays_is_added_whatever_else_is_said() -> None:
    paid = said("b", 1, K.DUTY_PAID, "portal", BOTH)
    closed = said("a", 3, K.FINISHED, DISTRICT, BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, paid, closed)
    assert (story.state, aside) == (State.FINISHED, {})


def test_of_two_due_dates_the_one_of_who_keeps_the_record_stands_and_the_other_is_shown() -> None:
    keepers = said("b", 1, K.DUE_DATE_CHANGED, DISTRICT, BOTH, by_origin=True, due=DUE + timedelta(days=2), moves_due=True)  # fmt: skip
    others = said("a", 3, K.DUE_DATE_CHANGED, LAND, BOTH, due=DUE + timedelta(days=9), moves_due=True)
    story, aside = everywhere(OPENED, WORKED_ON, keepers, others)
    # an agency without a leg moves by the one that has it, as it does when nothing is concurrent
    assert story.due == DUE + timedelta(days=2)
    assert aside == {"a3": (Fate.OVERRULED, "b1")}


def test_a_recall_that_knew_of_the_end_comes_after_what_did_not() -> None:
    finished = said("a", 3, K.FINISHED, DISTRICT, BOTH)
    recalled = said("a", 4, K.RECALLED, DISTRICT, {"a": 3})
    withdrawn = said("b", 1, K.WITHDRAWN, "portal", BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, finished, recalled, withdrawn)
    assert story.state is State.PROCESSING
    assert aside == {"b1": (Fate.SET_ASIDE, "a3")}


def test_what_never_fitted_is_quarantined_as_ever_and_blames_nobody() -> None:
    early = said("a", 2, K.RETURNED, DISTRICT, {"a": 1})
    found = merge(None, [OPENED, early])
    assert [(each.code, each.rule, each.by) for each in found.aside] == [("HUB-DOS-004", "", "")]


def test_what_comes_before_its_dossier_moves_nothing_until_it_is_opened() -> None:
    story, aside = everywhere(WORKED_ON, OPENED)
    assert (story.state, aside) == (State.PROCESSING, {})
    assert merge(None, [WORKED_ON]).story is None


def test_ties_go_by_the_code_of_the_hub() -> None:
    one = said("b", 1, K.SUSPENDED, DISTRICT, BOTH)
    two = said("c", 1, K.SUPPLEMENT_REQUESTED, DISTRICT, BOTH)
    story, aside = everywhere(OPENED, WORKED_ON, one, two)
    assert (story.state, aside) == (State.STOPPED, {"c1": (Fate.SET_ASIDE, "b1")})


def test_a_duplicate_counts_once() -> None:
    story = merge(None, [OPENED, WORKED_ON, WORKED_ON, OPENED]).story
    assert story is not None
    assert digest(story) == digest(merge(None, [OPENED, WORKED_ON]).story or story)


def test_what_was_known_before_anything_was_stamped_is_never_told_anew() -> None:
    old = merge(None, [OPENED]).story
    assert old is not None
    prefix = prefix_of(msgspec.structs.replace(old, heard={}, chains={}, due=None, deadline=DUE))
    story, _ = everywhere(said("a", 1, K.STEP, DISTRICT), said("b", 1, K.SUSPENDED, DISTRICT), prefix=prefix)
    assert (story.state, story.due, story.heard) == (State.STOPPED, DUE, {"a": 1, "b": 1})


def test_what_follows_on_all_that_is_known_needs_no_merging_and_comes_to_the_same() -> None:
    story: Story | None = None
    known = [OPENED, WORKED_ON, said("b", 1, K.SUPPLEMENT_REQUESTED, DISTRICT, BOTH)]
    for each in known:
        assert follows(story, each)
        story = follow(story, each).judged.story
    assert story is not None
    assert truth(story) == truth(merge(None, known).story or story)
    assert not follows(story, said("a", 3, K.FINISHED, DISTRICT, BOTH))


def test_what_was_believed_gives_way_when_what_it_did_not_know_of_comes() -> None:
    known = [OPENED, WORKED_ON, said("a", 3, K.WITHDRAWN, "portal", BOTH)]
    before = merge(None, known).story
    assert before is not None
    assert before.state is State.WITHDRAWN
    heard = anew(before, None, known, said("b", 1, K.FINISHED, DISTRICT, BOTH))
    assert heard.judged.story is not None
    assert heard.judged.story.state is State.FINISHED
    assert not isinstance(heard.judged, Quarantined)
    assert [(each.message, each.rule, each.code) for each in heard.aside or ()] == [
        ("a3", "withdrawal", CONFLICT)
    ]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("effect", list(Effect))
def test_every_message_has_a_rule(kind: Kind, effect: Effect) -> None:
    words = Words(kind=kind, speaker=DISTRICT, effect=effect)
    for story in (None, merge(None, [OPENED]).story):
        assert rule_of(words, story).name in ORDER


def test_the_order_has_every_rule_once() -> None:
    assert sorted(ORDER) == sorted(rule.name for rule in RULES)


def test_one_digest_goes_over_many_dossiers_in_any_order() -> None:
    one = root({"c-1": "a" * 64, "c-2": "b" * 64})
    assert one == root({"c-2": "b" * 64, "c-1": "a" * 64})
    assert one != root({"c-1": "a" * 64, "c-2": "c" * 64})
    assert root({}) == ""
