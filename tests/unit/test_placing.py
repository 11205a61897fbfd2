"""What another hub relays keeps its number and its words, and no more is believed than its agency may say. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.contract import Relayed
from hub.intake.placing import APART, needs_past
from hub.story import record, tellings
from hub.story.words import Words, gathered, spread
from schemas.dossier import Kind
from schemas.problems import Refusal
from tests.unit.test_intake_accept import NOW, PROVINCE, accepting, inbound, judged, known, router

if TYPE_CHECKING:
    from hub.intake.acceptance import Accepting
    from hub.judging.contract import Judged
    from hub.store.contract.intake import Acceptance, Known

__all__ = ["accepting", "router"]


def relayed(kind: Kind, no: int, seen: dict[str, int], *, hub: str = "edge", **more: Any) -> Judged:
    words = spread(Words(kind=kind, speaker=PROVINCE, **more.pop("words", {})))
    told = Relayed(
        id=more.pop("id", f"{hub}{no}"),
        hub=hub,
        no=no,
        seen=seen,
        sender="mot-cua",
        agency=PROVINCE,
        key="k",
        digest=f"{no}" * 64,
        accepted_at=NOW,
        stage="live",
        words=words | more.pop("beside", {}),
    )
    return msgspec.structs.replace(judged(kind), relayed=told, key=told.id)


def after(made: Acceptance, *before: Acceptance) -> Known:
    """What the store has of the dossier then."""
    said = tuple(one.numbered.telling for one in (*before, made) if one.numbered)
    return msgspec.structs.replace(known(made), tellings=said, version=len(said))


def test_what_is_accepted_here_first_has_this_hubs_numbers(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    step = accepting(judged(Kind.STEP), known(made), inbound(), NOW)
    stamps = [tellings.from_json(one.numbered.telling).stamp for one in (made, step) if one.numbered]
    assert [(one.hub, one.no, dict(one.seen)) for one in stamps] == [("hub", 1, {}), ("hub", 2, {"hub": 1})]
    assert made.truth != step.truth != ""


def test_a_dossier_from_before_there_were_numbers_is_a_prefix(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    bare = msgspec.structs.replace(record.from_json(made.story), heard={}, chains={}, due=None)
    old = msgspec.structs.replace(known(made), story=record.to_json(bare))
    step = accepting(judged(Kind.STEP), old, inbound(), NOW)
    assert step.numbered is not None
    prefix = record.from_json(step.numbered.prefix)
    assert (prefix.heard, prefix.due, step.numbered.no) == ({}, prefix.deadline, 1)
    again = accepting(judged(Kind.STEP), known(step), inbound(), NOW)
    assert again.numbered is not None
    assert (again.numbered.prefix, again.numbered.no) == (b"", 2)


def test_what_is_relayed_keeps_its_number_id_and_words(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    due = NOW + timedelta(days=3)
    word = relayed(Kind.DUE_DATE_CHANGED, 1, {"hub": 1}, words={"due": due, "moves_due": True})
    assert not needs_past(word, known(made))
    heard = accepting(word, known(made), inbound(), NOW)
    assert heard.numbered is not None
    told = tellings.from_json(heard.numbered.telling)
    assert (told.stamp.place, told.message, told.digest) == (("edge", 1), "edge1", "1" * 64)
    story = record.from_json(heard.story)
    assert (story.due, dict(story.heard)) == (due, {"hub": 1, "edge": 1})


def test_what_did_not_know_of_all_needs_the_past_and_gives_way_by_the_table(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    step = accepting(judged(Kind.STEP), known(made), inbound(), NOW)
    done = accepting(judged(Kind.FINISHED), known(step), inbound(), NOW)
    word = relayed(Kind.WITHDRAWN, 1, {"hub": 2})
    assert needs_past(word, known(done))
    heard = accepting(word, after(done, made, step), inbound(), NOW)
    assert record.from_json(heard.story).state == "finished"
    assert heard.facts["quarantine"] == "HUB-DOS-011"
    assert heard.numbered is not None
    assert set(heard.numbered.others or {}) == {("edge", 1)}


def test_another_message_under_a_known_number_is_refused_and_the_same_is_nothing_new(
    accepting: Accepting,
) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    first = accepting(relayed(Kind.STEP, 1, {"hub": 1}), known(made), inbound(), NOW)
    there = after(first, made)
    with pytest.raises(Refusal, match="HUB-DOS-013"):
        accepting(relayed(Kind.FINISHED, 1, {"hub": 1}, id="another"), there, inbound(), NOW)
    again = accepting(relayed(Kind.STEP, 1, {"hub": 1}), there, inbound(), NOW)
    assert (again.numbered, record.from_json(again.story)) == (None, record.from_json(first.story))


@pytest.mark.parametrize(
    "wrong", [{"speaker": "000.00.15.H47"}, {"kind": "finished"}, {"effect": "wins"}], ids=str
)
def test_words_that_its_agency_may_not_say_are_refused(wrong: dict[str, str], accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        accepting(relayed(Kind.STEP, 1, {"hub": 1}, beside=wrong), known(made), inbound(), NOW)


def test_of_anothers_leg_only_the_hub_speaks_from_which_the_dossier_came(accepting: Accepting) -> None:
    beside = {"speaker": "000.00.15.H47", "by_origin": True}
    made = accepting(judged(), None, inbound(), NOW)
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        accepting(
            msgspec.structs.replace(relayed(Kind.STEP, 1, {"hub": 1}, beside=beside), sender="land"),
            known(made),
            inbound(),
            NOW,
        )
    opened = accepting(relayed(Kind.STEP, 1, {"hub": 1}, beside=beside), known(made), inbound(), NOW)
    assert record.from_json(opened.story).heard == {"hub": 1, "edge": 1}


def test_what_has_no_number_there_gets_none_here(accepting: Accepting) -> None:
    made = accepting(judged(), None, inbound(), NOW)
    word = relayed(Kind.STEP, 1, {}, beside={APART: True})
    assert not needs_past(word, known(made))
    heard = accepting(word, known(made), inbound(), NOW)
    assert heard.numbered is None
    assert record.from_json(heard.story).heard == {"hub": 1}


def test_a_dossier_begins_with_what_opens_it(accepting: Accepting) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-002"):
        accepting(relayed(Kind.STEP, 1, {}), None, inbound(), NOW)
    stranger = msgspec.structs.replace(relayed(Kind.RECEIVED, 1, {}), may_create=False)
    with pytest.raises(Refusal, match="HUB-DOS-007"):
        accepting(stranger, None, inbound(), NOW)
    heard = accepting(relayed(Kind.RECEIVED, 1, {}, words={"code": "c"}), None, inbound(), NOW)
    assert record.from_json(heard.story).heard == {"edge": 1}
    assert gathered(spread(Words(kind=Kind.STEP, speaker="a"))) == Words(kind=Kind.STEP, speaker="a")
