"""Which messages go to other hubs: up everything, down what the hub below has a part in, never back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hub.routing.parties import Party, roster
from hub.routing.recipients import NOBODY, Role
from hub.story.record import StoryLeg
from schemas.dossier import Kind, State
from tests.unit.test_routing import (
    AGENCIES,
    BEFORE,
    DESK,
    EVERY,
    LAND,
    LAND_OFFICE,
    NATIONAL,
    PORTAL,
    PROVINCE,
    ROUTER,
    TAX_OFFICE,
    message,
    problems,
    story,
    who,
)

if TYPE_CHECKING:
    from hub.routing.recipients import Routed
    from hub.story.record import Story

K = Kind
DISTRICT, WARD, OTHER_WARD, ELSEWHERE = "000.00.21.H47", "000.01.21.H47", "000.03.21.H47", "000.00.22.H47"
BELOW = Party(partner_id="tam-ky", agency=DISTRICT, hub="child", serves=(DISTRICT,), kinds=EVERY, sends=EVERY)
BESIDE = Party(
    partner_id="hoi-an", agency=ELSEWHERE, hub="child", serves=(ELSEWHERE,), kinds=EVERY, sends=EVERY
)
ABOVE = Party(partner_id="tinh", agency=PROVINCE, hub="parent", kinds=EVERY, sends=EVERY)
AT_PROVINCE = (DESK, LAND_OFFICE, TAX_OFFICE, NATIONAL, BELOW, BESIDE)
ONE_STOP = Party(partner_id="mot-cua", agency=DISTRICT, kinds=EVERY, sends=EVERY)
AT_DISTRICT = (ONE_STOP, ABOVE)


def legs(*agencies: str) -> tuple[StoryLeg, ...]:
    return tuple(StoryLeg(agency=each, state=State.PROCESSING) for each in agencies)


def of_ward(**more: Any) -> Story:
    """A dossier that a ward of the district received, decided there."""
    known = {"received_by": WARD, "origin_agency": WARD, "legs": legs(WARD), "national": "1.009989"}
    return story(**{**known, **more})


def route(
    kind: Kind, parties: tuple[Party, ...], about: Story, sender: str = "desk", agency: str = "", **said: Any
) -> Routed:
    return ROUTER.route(
        message(kind, sender, **said), about, roster(parties, AGENCIES), on=BEFORE, agency=agency
    )


def hubs(routed: Routed) -> set[str]:
    return {each.partner for each in routed.recipients if each.relays}


@pytest.mark.parametrize("kind", sorted(set(K) - {K.DELIVERY_FAILED}))
def test_the_hub_above_hears_everything(kind: Kind) -> None:
    assert "tinh" in hubs(route(kind, AT_DISTRICT, of_ward(origin="mot-cua"), "mot-cua"))


@pytest.mark.parametrize(
    ("about", "heard"),
    [
        (of_ward(), {"tam-ky"}),
        (story(), set()),
        (story(origin="tam-ky", origin_agency=WARD), {"tam-ky"}),
        (story(legs=legs(PROVINCE, OTHER_WARD)), {"tam-ky"}),
        (story(legs=legs(LAND, ELSEWHERE, WARD)), {"tam-ky", "hoi-an"}),
        (story(parties=("desk", "hoi-an")), {"hoi-an"}),
    ],
    ids=["received there", "no part", "opened there", "has a leg", "two have one", "had a part before"],
)
def test_a_hub_below_hears_of_dossiers_in_which_it_has_a_part(about: Story, heard: set[str]) -> None:
    for kind in (K.STEP, K.FEE_PAID, K.WITHDRAWN, K.FINISHED):
        assert hubs(route(kind, AT_PROVINCE, about, "land", agency="")) == heard


def test_whoever_the_message_names_hears_it_at_its_hub() -> None:
    routed = route(K.TRANSFERRED, AT_PROVINCE, story(), to_agency=WARD)
    assert who(routed)["tam-ky"] is Role.ADDRESSEE


def test_nothing_goes_back_to_the_hub_that_it_came_from() -> None:
    assert "tam-ky" not in who(route(K.STEP, AT_PROVINCE, of_ward(origin="tam-ky"), "tam-ky", WARD))
    assert "tinh" not in who(route(K.STEP, AT_DISTRICT, of_ward(), "tinh", PROVINCE))


def test_a_hub_between_two_passes_on_in_both_directions() -> None:
    ward = Party(partner_id="phuong", agency=WARD, hub="child", serves=(WARD,), kinds=EVERY, sends=EVERY)
    between = (ONE_STOP, ward, ABOVE)
    assert hubs(route(K.STEP, between, of_ward(origin="phuong"), "phuong", WARD)) == {"tinh"}
    assert hubs(route(K.FEE_PAID, between, of_ward(origin="phuong"), "tinh", PORTAL)) == {"phuong"}
    assert hubs(route(K.STEP, between, of_ward(origin="phuong"), "mot-cua")) == {"phuong", "tinh"}


def test_what_nobody_serves_here_is_the_hub_aboves_to_decide() -> None:
    routed = route(K.RECEIVED, AT_DISTRICT, of_ward(national="1.009999", origin="mot-cua"), "mot-cua")
    assert (who(routed), problems(routed)) == ({"tinh": Role.DECIDER}, [])
    unknown = route(K.RECEIVED, AT_DISTRICT, of_ward(national="9.999999", origin="mot-cua"), "mot-cua")
    assert (who(unknown), problems(unknown)) == ({"tinh": Role.HUB}, [])


def test_a_system_here_goes_before_a_hub_that_serves_its_agency() -> None:
    here = Party(partner_id="ward", agency=WARD, kinds=EVERY, sends=EVERY)
    heard = who(route(K.FEE_PAID, (*AT_PROVINCE, here), of_ward()))
    assert (heard["ward"], heard["tam-ky"]) == (Role.DECIDER, Role.HUB)
    assert who(route(K.FEE_PAID, AT_PROVINCE, of_ward()))["tam-ky"] is Role.DECIDER


def test_a_unit_without_a_system_decides_at_the_counter_of_its_own_hub_only() -> None:
    assert who(route(K.FINISHED, AT_DISTRICT, of_ward(origin="mot-cua"), "mot-cua")) == {"tinh": Role.HUB}
    at_province = who(route(K.FINISHED, AT_PROVINCE, of_ward(), "desk"))
    assert at_province["tam-ky"] is Role.DECIDER


def test_two_hubs_that_serve_one_agency_are_two_owners() -> None:
    twice = Party(partner_id="tam-ky-2", agency=DISTRICT, hub="child", serves=(WARD,), kinds=EVERY)
    assert (NOBODY, "HUB-RTE-002") in problems(route(K.FEE_PAID, (*AT_PROVINCE, twice), of_ward()))


def test_what_is_handed_in_elsewhere_reaches_the_hub_that_serves_the_unit() -> None:
    handed_in = of_ward(state=State.SUBMITTED, origin="portal", origin_agency=PORTAL)
    assert who(route(K.RECEIVED, AT_PROVINCE, handed_in, "portal"))["tam-ky"] is Role.RECEPTION
    at_home = route(K.RECEIVED, AT_DISTRICT, of_ward(state=State.SUBMITTED, origin="tinh"), "tinh", PORTAL)
    assert who(at_home) == {"mot-cua": Role.RECEPTION}
    nobody = route(K.RECEIVED, (ABOVE,), of_ward(state=State.SUBMITTED, origin="tinh"), "tinh", PORTAL)
    assert problems(nobody) == [(NOBODY, "HUB-RTE-001")]


def test_the_informed_hear_what_the_decider_says_at_its_own_hub() -> None:
    about = of_ward(origin="tam-ky")
    assert "portal" in who(route(K.FINISHED, AT_PROVINCE, about, "tam-ky", WARD))
    consulted = story(origin="desk", legs=legs(LAND, WARD))
    assert "portal" not in who(route(K.DUTY_ANNOUNCED, AT_PROVINCE, consulted, "tam-ky", WARD))


def test_trials_and_what_is_only_recorded_go_to_hubs_all_the_same() -> None:
    over = roster(AT_DISTRICT, AGENCIES)
    trial = ROUTER.route(message(K.STEP, "mot-cua"), of_ward(stage="trial"), over, on=BEFORE, trial=True)
    assert [(each.partner, each.stage) for each in trial.recipients if each.relays] == [("tinh", "trial")]
    recorded = ROUTER.relayed(message(K.STEP, "mot-cua"), of_ward(), over, on=BEFORE, rule="recorded")
    assert (hubs(recorded), recorded.rule) == ({"tinh"}, "recorded")
    alone = ROUTER.relayed(message(K.STEP, "mot-cua"), of_ward(), (ONE_STOP,), on=BEFORE, rule="recorded")
    assert alone.recipients == ()


def test_a_failure_told_by_another_hub_is_told_to_nobody_else() -> None:
    told = ROUTER.route(
        message(K.DELIVERY_FAILED, "tinh"), of_ward(), AT_DISTRICT, on=BEFORE, sender="mot-cua"
    )
    assert who(told) == {"mot-cua": Role.SENDER}


def test_only_one_hub_stands_above() -> None:
    with pytest.raises(ValueError, match="two parents: tinh, bo"):
        roster((ABOVE, Party(partner_id="bo", agency=PORTAL, hub="parent")), AGENCIES)
