"""A unit is taken over in the middle of dossiers: its heir goes on with them, its hub hears of nothing new, its seal seals no more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.routing.parties import Party, roster
from hub.routing.router import Router
from hub.signatories.authority import Act, Authority, Days, Holder, Right, Scope
from hub.story.advance import Advanced, Sender, advance, resolve
from schemas.dossier import Kind, State
from schemas.problems import Refusal
from tests.unit.test_routing import AGENCIES, BEFORE, DESK, EVERY, PROCEDURES, PROVINCE, ROUTER, message
from tests.unit.test_routing_hubs import ABOVE, BELOW, BESIDE, DISTRICT, ELSEWHERE, WARD, legs, of_ward
from tests.unit.test_story import LAND, ON, opened, say, tell, transferred

if TYPE_CHECKING:
    from schemas.agencies import Agency

K = Kind
HEIR = "000.00.99.H47"
DAY = BEFORE + timedelta(days=10)
AFTER = DAY + timedelta(days=1)


def ended(code: str, heir: str) -> Agency:
    return msgspec.structs.replace(AGENCIES.require(code), until=DAY, successor=AGENCIES.require(heir).code)


def router(*rows: Agency) -> Router:
    changed = {**AGENCIES.rows, **{row.code: row for row in rows}}
    agencies = msgspec.structs.replace(AGENCIES, rows=changed)
    return Router(table=ROUTER.table, agencies=agencies, procedures=PROCEDURES)


MERGED = router(ended(DISTRICT, ELSEWHERE), ended(WARD, ELSEWHERE))
ABOLISHED = router(ended(DISTRICT, PROVINCE), ended(WARD, PROVINCE))
PARTIES = (DESK, BELOW, BESIDE)


def hubs(routes: Router, on: date, *parties: Party, sender: str = "desk", **about: Any) -> set[str]:
    routed = routes.route(message(K.STEP, sender), of_ward(**about), roster(parties, routes.agencies), on=on)
    return {each.partner for each in routed.recipients if each.relays}


def heirs(code: str) -> str:
    return HEIR if code == LAND else code


def test_an_open_dossier_goes_to_the_heirs_hub_from_the_day_on_and_to_the_old_one_before() -> None:
    about: dict[str, Any] = {"legs": legs(WARD)}
    assert hubs(MERGED, BEFORE, *PARTIES, **about) == {"tam-ky"}
    assert hubs(MERGED, AFTER, *PARTIES, **about) == {"hoi-an"}


def test_a_hub_that_had_the_dossier_hears_no_more_of_it_once_its_unit_was_taken_over() -> None:
    about: dict[str, Any] = {"legs": legs(WARD), "parties": ("tam-ky",), "origin": "tam-ky"}
    assert hubs(MERGED, BEFORE, *PARTIES, **about) == {"tam-ky"}
    assert hubs(MERGED, AFTER, *PARTIES, **about) == {"hoi-an"}


def test_the_old_hub_goes_on_while_nobody_serves_the_heir() -> None:
    assert hubs(MERGED, AFTER, DESK, BELOW, legs=legs(WARD)) == {"tam-ky"}


def test_a_hub_that_serves_the_heir_as_well_goes_on() -> None:
    both = msgspec.structs.replace(BELOW, serves=(DISTRICT, ELSEWHERE))
    assert hubs(MERGED, AFTER, DESK, both, legs=legs(WARD)) == {"tam-ky"}


def test_without_districts_a_hub_below_hears_no_more_and_the_provinces_own_system_goes_on() -> None:
    assert hubs(ABOLISHED, AFTER, DESK, BELOW, legs=legs(WARD)) == set()


def test_a_commune_below_a_district_is_served_by_the_province_once_it_is_attached_there() -> None:
    commune = Party(partner_id="phuong", agency=WARD, hub="child", serves=(WARD,), kinds=EVERY, sends=EVERY)
    abolished = router(ended(DISTRICT, PROVINCE))
    assert hubs(abolished, AFTER, DESK, BELOW, commune, legs=legs(WARD)) == {"phuong"}
    assert hubs(abolished, AFTER, commune, ABOVE, sender="x", legs=legs(WARD)) == {"phuong", "tinh"}


def test_an_heir_goes_on_with_the_leg_it_took_over_as_if_it_were_its_own() -> None:
    before = transferred()
    for speaks, taken in (
        (Sender(partner="heir", agency=HEIR), heirs),
        (Sender(partner="land", agency=LAND), heirs),
    ):
        after = advance(before, say(K.FINISHED), speaks, on=ON, heirs=taken)
        assert isinstance(after, Advanced)
        assert after.story is not None
        assert {leg.agency: leg.state for leg in after.story.legs}[LAND] is State.FINISHED
    with pytest.raises(Refusal) as refused:
        advance(before, say(K.FINISHED), Sender(partner="heir", agency=HEIR), on=ON)
    assert refused.value.code == "HUB-DOS-003"


def test_an_heir_means_the_old_leg_so_that_every_hub_understands_it_alike() -> None:
    words = resolve(transferred(), say(K.STEP), Sender(partner="heir", agency=HEIR), on=ON, heirs=heirs)
    assert words is not None
    assert (words.speaker, words.by_origin) == (LAND, False)


def test_who_took_over_the_agency_that_opened_a_dossier_speaks_as_its_origin() -> None:
    story = opened()
    origin = story.origin_agency
    speaks = Sender(partner="heir", agency=HEIR)
    words = resolve(story, say(K.STEP), speaks, on=ON, heirs=lambda code: HEIR if code == origin else code)
    assert words is not None
    assert (words.speaker, words.by_origin) == (origin, True)


def test_an_heir_with_a_leg_of_its_own_speaks_for_that() -> None:
    both = tell(transferred(), K.TRANSFERRED, Sender(partner="land", agency=LAND), to_agency=HEIR)
    words = resolve(both, say(K.STEP), Sender(partner="heir", agency=HEIR), on=ON, heirs=heirs)
    assert words is not None
    assert words.speaker == HEIR


def holder(kind: str) -> Authority:
    right = Right(agency=DISTRICT, title=("", ""), scopes=(Scope(),), days=(Days(),))
    told = Holder(
        id="a", kind=kind, name=("", ""), agency=DISTRICT, certificates=frozenset({"ab"}), rights=(right,)
    )
    return Authority.of([told])


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


ACT = Act(kind="finished", agencies=(DISTRICT, ELSEWHERE))


def test_an_old_seal_is_good_for_what_it_sealed_before_that_day_and_refused_from_it_on() -> None:
    signs = holder("seal").signs
    assert signs("ab", ACT, noon(DAY - timedelta(days=1)), MERGED.agencies).holder == "a"
    with pytest.raises(Refusal) as refused:
        signs("ab", ACT, noon(DAY), MERGED.agencies)
    assert refused.value.code == "HUB-SGN-003"


def test_an_officer_signs_for_as_long_as_the_file_says() -> None:
    assert holder("person").signs("ab", ACT, noon(AFTER), MERGED.agencies).holder == "a"
