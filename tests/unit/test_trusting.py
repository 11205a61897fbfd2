"""A hub below says of a dossier no more than its agencies could say here themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.intake.placing import APART
from hub.routing.parties import Party
from hub.story import record
from schemas.dossier import Kind, from_json, to_json
from schemas.problems import Refusal
from tests.unit.test_intake_accept import CODE, NOW, PROVINCE, accepting, inbound, judged, known, router
from tests.unit.test_placing import relayed

if TYPE_CHECKING:
    from hub.intake.acceptance import Accepting
    from hub.judging.contract import Judged
    from hub.store.contract.intake import Acceptance, Known

__all__ = ["accepting", "router"]

DISTRICT, WARD, ELSEWHERE = "000.00.21.H47", "000.01.21.H47", "000.00.22.H47"
THEIRS = f"{DISTRICT}-261120-0001"
BELOW = Party(partner_id="tam-ky", agency=DISTRICT, hub="child", serves=(DISTRICT,))
ABOVE = Party(partner_id="above", agency="000.00.00.G22", hub="parent")
ENDS = (Kind.FINISHED, Kind.WITHDRAWN, Kind.RETURNED, Kind.RECALLED, Kind.STEP)


@pytest.fixture
def here(accepting: Accepting) -> Accepting:
    assert isinstance(accepting.parties, tuple)
    return msgspec.structs.replace(accepting, parties=(*accepting.parties, BELOW, ABOVE))


def said(kind: Kind, no: int = 1, seen: dict[str, int] | None = None, **more: Any) -> Judged:
    """By a hub below, of the district. ``words``: beside those that it says honestly; ``code``: of the dossier."""
    code, by, opens = more.pop("code", CODE), more.pop("by", "tam-ky"), kind is Kind.RECEIVED
    agency = more.pop("agency", DISTRICT)
    honest: dict[str, Any] = {"speaker": agency, "code": code}
    if opens:
        received_by, day = code.partition("-")[0], NOW.date().isoformat()
        honest |= {"by_origin": True, "received_by": received_by, "opened_on": day}
    found = relayed(
        kind, no, seen or {}, hub=more.pop("hub", DISTRICT), beside=honest | more.pop("words", {})
    )
    assert found.relayed is not None
    message = from_json(found.canonical)
    assert message.dossier is not None
    dossier = msgspec.structs.replace(message.dossier, code=code, aliases=())
    return msgspec.structs.replace(
        found,
        sender=by,
        agency=agency,
        code=code,
        received_by=code.partition("-")[0],
        may_create=code.startswith(DISTRICT),
        aliases=(),
        canonical=to_json(msgspec.structs.replace(message, dossier=dossier, agency=agency)),
        relayed=msgspec.structs.replace(found.relayed, agency=agency),
    )


def hear(here: Accepting, what: Judged, before: Known | None) -> Acceptance:
    return here(what, before, inbound(), NOW)


@pytest.fixture
def stranger(here: Accepting) -> Known:
    """A dossier that the province received and decides: the district has no part in it."""
    return known(hear(here, judged(), None))


@pytest.fixture
def own(here: Accepting) -> Known:
    """A dossier that came from the hub below."""
    return known(hear(here, said(Kind.RECEIVED, code=THEIRS), None))


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("how", [{}, {"by_origin": True}, {APART: True}], ids=["words", "origin", "apart"])
def test_of_a_dossier_without_a_part_in_it_a_hub_below_says_nothing(
    kind: Kind, how: dict[str, bool], here: Accepting, stranger: Known
) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-003"):
        hear(here, said(kind, seen={"hub": 1}, words=how), stranger)


@pytest.mark.parametrize("kind", ENDS)
def test_nor_does_it_without_saying_what_its_words_mean(kind: Kind, here: Accepting, stranger: Known) -> None:
    bare = said(kind)
    assert bare.relayed is not None
    bare = msgspec.structs.replace(bare, relayed=msgspec.structs.replace(bare.relayed, words={}))
    with pytest.raises(Refusal, match="HUB-DOS-003"):
        hear(here, bare, stranger)


def test_the_hub_above_may_speak_of_every_dossier(here: Accepting, stranger: Known) -> None:
    heard = hear(here, said(Kind.WITHDRAWN, seen={"hub": 1}, by="above"), stranger)
    assert record.from_json(heard.story).state == "withdrawn"


@pytest.mark.parametrize("part", ["origin", "leg", "party", "received", "decides"])
def test_with_a_part_in_it_a_hub_below_is_heard(part: str, here: Accepting, stranger: Known) -> None:
    story = record.from_json(stranger.story)
    parts: dict[str, dict[str, Any]] = {
        "origin": {"origin": "tam-ky"},
        "leg": {"legs": (record.StoryLeg(agency=WARD, state=story.state),)},
        "party": {"parties": (*story.parties, "tam-ky")},
        "received": {"received_by": WARD},
        "decides": {"national": "1.009989", "received_by": WARD, "origin_agency": PROVINCE},
    }
    there = msgspec.structs.replace(
        stranger, story=record.to_json(msgspec.structs.replace(story, **parts[part]))
    )
    heard = hear(here, said(Kind.STEP, seen={"hub": 1}), there)
    assert dict(record.from_json(heard.story).heard) == {"hub": 1, DISTRICT: 1}


def test_a_hub_below_gives_no_number_of_this_hub(here: Accepting, own: Known) -> None:
    with pytest.raises(Refusal, match="HUB-EDG-022"):
        hear(here, said(Kind.STEP, 2, hub="hub", code=THEIRS), own)


def test_a_hub_below_has_not_seen_what_this_hub_did_not_say(here: Accepting, own: Known) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        hear(here, said(Kind.STEP, 2, {DISTRICT: 1, "hub": 1}, code=THEIRS), own)
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        hear(here, said(Kind.RECEIVED, 1, {"hub": 1}, code=THEIRS), None)
    heard = hear(here, said(Kind.STEP, 2, {DISTRICT: 1}, code=THEIRS), own)
    assert dict(record.from_json(heard.story).heard) == {DISTRICT: 2}


def test_of_two_dossiers_that_became_one_here_each_keeps_its_numbers_below(
    here: Accepting, own: Known
) -> None:
    one = msgspec.structs.replace(record.from_json(own.story), code=f"{DISTRICT}-261120-0009")
    joined = msgspec.structs.replace(own, story=record.to_json(one))
    heard = hear(here, said(Kind.STEP, 2, {DISTRICT: 1, "hub": 3}, code=THEIRS), joined)
    assert dict(record.from_json(heard.story).heard) == {DISTRICT: 2}


@pytest.mark.parametrize(
    "lie",
    [
        {"speaker": ELSEWHERE},
        {"received_by": ELSEWHERE},
        {"received_by": WARD},
        {"code": CODE},
        {"opened_on": (NOW - timedelta(days=40)).date().isoformat()},
    ],
    ids=str,
)
def test_what_opens_a_dossier_says_of_it_what_its_code_says(lie: dict[str, str], here: Accepting) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        hear(here, said(Kind.RECEIVED, code=THEIRS, words=lie), None)


def test_a_dossier_that_is_there_is_not_opened_again_from_below(here: Accepting, stranger: Known) -> None:
    with pytest.raises(Refusal, match="HUB-DOS-007"):
        hear(here, said(Kind.RECEIVED), stranger)


def test_who_did_not_open_a_dossier_does_not_speak_as_who_did(here: Accepting, stranger: Known) -> None:
    story = record.from_json(stranger.story)
    legs = (*story.legs, record.StoryLeg(agency=DISTRICT, state=story.state))
    there = msgspec.structs.replace(stranger, story=record.to_json(msgspec.structs.replace(story, legs=legs)))
    with pytest.raises(Refusal, match="HUB-DOS-012"):
        hear(here, said(Kind.STEP, seen={"hub": 1}, words={"by_origin": True}), there)
    assert hear(here, said(Kind.STEP, seen={"hub": 1}), there).numbered is not None
