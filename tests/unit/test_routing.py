from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.going_live.stages import FLOWS, Stage
from hub.routing.parties import Party, roster
from hub.routing.recipients import NOBODY, Recipient, Role, Routed
from hub.routing.router import MOST_KNOWN, Router
from hub.routing.table import FILE, load
from hub.story.record import Story, StoryLeg
from schemas import errors
from schemas.agencies import Agencies, Level
from schemas.dossier import Dossier, Event, Kind, Message, State
from schemas.procedures import Procedures

if TYPE_CHECKING:
    from pathlib import Path

K = Kind
EVERY = tuple(str(kind) for kind in Kind)
PROVINCE, LAND, TAX, PORTAL = "000.00.00.H47", "000.00.15.H47", "000.00.47.G12", "000.00.00.G22"
BEFORE, AFTER = date(2019, 4, 12), date(2026, 1, 1)
AT = datetime(2019, 4, 12, 9, tzinfo=UTC)

DESK = Party(partner_id="desk", agency=PROVINCE, kinds=EVERY, sends=EVERY)
LAND_OFFICE = Party(partner_id="land", agency="H47.15", kinds=EVERY, sends=EVERY)
SILENT_LAND = msgspec.structs.replace(LAND_OFFICE, sends=())
TAX_OFFICE = Party(partner_id="tax", agency=TAX, kinds=EVERY, sends=EVERY)
NATIONAL = Party(partner_id="portal", agency=PORTAL, role="informed", kinds=EVERY)
USUAL = (DESK, LAND_OFFICE, TAX_OFFICE, NATIONAL)

AGENCIES = Agencies.load()
PROCEDURES = Procedures.load(AGENCIES)
ROUTER = Router(table=load(AGENCIES), agencies=AGENCIES, procedures=PROCEDURES)

RECEIVED_BY = {
    Level.PROVINCE: PROVINCE,
    Level.DEPARTMENT: LAND,
    Level.DISTRICT: "001.00.10.H47",
    Level.COMMUNE: "000.01.28.H47",
    Level.NATIONAL: PORTAL,
}


def story(**more: Any) -> Story:
    known = {
        "origin": "desk",
        "origin_agency": PROVINCE,
        "received_by": LAND,
        "opened_on": BEFORE,
        "state": State.PROCESSING,
        "legs": (StoryLeg(agency=PROVINCE, state=State.PROCESSING),),
        "national": "1.009999",
    }
    return Story(**{**known, **more})


def message(kind: Kind, sender: str = "desk", **said: Any) -> Message:
    return Message(
        event=Event(kind=kind, at=AT, **said),
        key="k",
        sender=sender,
        agency=PROVINCE,
        dossier=Dossier(code="000.00.15.H47-190412-0007"),
    )


def route(
    kind: Kind,
    parties: tuple[Party, ...] = USUAL,
    *,
    sender: str = "desk",
    about: Story | None = None,
    on: date = BEFORE,
    **said: Any,
) -> Routed:
    return ROUTER.route(message(kind, sender, **said), about or story(), parties, on=on)


def who(routed: Routed) -> dict[str, Role]:
    return {recipient.partner: recipient.role for recipient in routed.recipients}


def problems(routed: Routed) -> list[tuple[str, str]]:
    return [(r.partner, r.problem.code) for r in routed.recipients if r.problem]


# --- total ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "level"), list(product(Kind, [*Level, None])))
def test_every_kind_at_every_level_for_every_procedure_has_a_rule(kind: Kind, level: Level | None) -> None:
    for procedure in (*PROCEDURES.entries.values(), None):
        about = story(
            received_by=RECEIVED_BY[level] if level else "H99",
            national=procedure.national if procedure else "9.999999",
            local=procedure.local[0].code if procedure else None,
        )
        routed = route(kind, about=about)
        assert routed.rule in {rule.id for rule in ROUTER.table.rule}


PARTIES = st.lists(
    st.builds(
        Party,
        partner_id=st.sampled_from(["desk", "land", "tax", "portal", "old", "new"]),
        agency=st.sampled_from([PROVINCE, LAND, "H47.15", "000.00.41.H47", "H17.06", TAX, PORTAL, "H99"]),
        role=st.sampled_from(["decides", "informed"]),
        kinds=st.lists(st.sampled_from(EVERY), max_size=30).map(tuple),
        sends=st.lists(st.sampled_from(EVERY), max_size=5).map(tuple),
        stage=st.sampled_from(["trial", "parallel", "live", "retired"]),
        stages=st.dictionaries(
            st.just("1.009999"), st.sampled_from(["trial", "parallel", "live", "retired"])
        ),
    ),
    max_size=6,
    unique_by=lambda party: party.partner_id,
).map(tuple)


@settings(deadline=None, max_examples=300)
@given(
    PARTIES,
    st.sampled_from(sorted(Kind)),
    st.sampled_from(["desk", "land", "hub"]),
    st.none() | st.sampled_from([LAND, TAX, "H99"]),
    st.sampled_from([PROVINCE, LAND, "000.01.28.H47", "H99"]),
    st.sampled_from([BEFORE, AFTER]),
)
def test_whoever_is_declared_routing_keeps_its_promises(
    parties: tuple[Party, ...], kind: Kind, sender: str, receiver: str | None, received_by: str, on: date
) -> None:
    routed = route(
        kind, parties, sender=sender, about=story(received_by=received_by), on=on, to_agency=receiver
    )
    known = {party.partner_id: party for party in parties}
    partners = [recipient.partner for recipient in routed.recipients]
    assert len(set(partners)) == len(partners)
    for recipient in routed.recipients:
        if recipient.partner == NOBODY:
            assert recipient.problem
            continue
        party = known[recipient.partner]
        assert kind in party.kinds
        assert (recipient.partner == sender) == (kind is K.DELIVERY_FAILED)
        traffic = known[sender].stages.get("1.009999", known[sender].stage) if sender in known else "live"
        stage = party.stages.get("1.009999", party.stage)
        if kind is not K.DELIVERY_FAILED and recipient.problem is None:
            assert (traffic == "trial") == (stage == "trial")
            assert "retired" not in {traffic, stage}


def test_a_message_without_a_dossier_goes_to_those_who_take_its_kind() -> None:
    catalogue = Message(
        event=Event(kind=K.CATALOGUE_PUBLISHED, at=AT), key="k", sender="portal", agency=PORTAL, subject="c"
    )
    deaf = Party(partner_id="deaf", agency=TAX)
    routed = ROUTER.route(catalogue, None, (*USUAL, deaf), on=BEFORE)
    assert who(routed) == dict.fromkeys(("desk", "land", "tax"), Role.SUBSCRIBERS)


def test_what_is_kept_as_it_came_lies_with_somebody_or_waits_for_a_person() -> None:
    event = Event(kind=K.RECORD_PUBLISHED, at=AT)
    record = Message(event=event, key="k", sender="desk", agency=PORTAL, subject="questions 71")
    deaf = Party(partner_id="deaf", agency=TAX)
    office = Party(partner_id="office", agency=TAX, kinds=(K.RECORD_PUBLISHED,))
    assert problems(ROUTER.route(record, None, (deaf,), on=BEFORE)) == [(NOBODY, "HUB-RTE-001")]
    assert who(ROUTER.route(record, None, (deaf, office), on=BEFORE)) == {"office": Role.KEEPERS}


# --- who decides, who is informed -------------------------------------------------------------------------------


def test_the_decider_and_the_informed_hear_of_a_reception() -> None:
    routed = route(K.RECEIVED)
    assert who(routed) == {"land": Role.DECIDER, "portal": Role.INFORMED}
    assert (routed.rule, routed.decider) == ("reception", LAND)


def test_what_the_decider_tells_goes_to_the_origin_and_the_informed() -> None:
    assert who(route(K.FINISHED, sender="land")) == {"desk": Role.ORIGIN, "portal": Role.INFORMED}


def test_the_informed_do_not_hear_what_a_consulted_agency_says() -> None:
    assert who(route(K.DUTY_ANNOUNCED, sender="tax")) == {"land": Role.DECIDER, "desk": Role.ORIGIN}


def test_the_informed_wait_for_a_decider_who_tells_it_itself() -> None:
    assert "portal" not in who(route(K.FINISHED))
    assert "portal" in who(route(K.RETURNED))  # the reception desk's own business


def test_the_origin_speaks_for_a_decider_whose_system_never_tells() -> None:
    assert who(route(K.FINISHED, (DESK, SILENT_LAND, NATIONAL))) == {
        "land": Role.DECIDER,
        "portal": Role.INFORMED,
    }


def test_nobody_confirms_for_a_decider_that_is_not_there() -> None:
    assert who(route(K.FINISHED, (DESK, NATIONAL))) == {NOBODY: Role.DECIDER}


def test_a_transfer_goes_to_the_agency_it_names() -> None:
    assert who(route(K.TRANSFERRED, to_agency=TAX)) == {"tax": Role.ADDRESSEE, "portal": Role.INFORMED}
    assert who(route(K.TRANSFERRED)) == {"land": Role.DECIDER, "portal": Role.INFORMED}


def test_whoever_has_the_dossier_in_hand_hears_that_it_ends() -> None:
    holding = (
        StoryLeg(agency=PROVINCE, state=State.PROCESSING),
        StoryLeg(agency=TAX, state=State.PROCESSING),
    )
    heard = who(route(K.WITHDRAWN, about=story(legs=holding)))
    assert heard == {"land": Role.DECIDER, "tax": Role.HOLDERS, "portal": Role.INFORMED}


def at_commune(**more: Any) -> Story:
    commune = "000.01.28.H47"
    held = (StoryLeg(agency=commune, state=State.PROCESSING),)
    return story(
        **{"received_by": commune, "origin_agency": commune, "legs": held, "national": "1.009989", **more}
    )


def test_a_commune_with_its_own_system_decides_there() -> None:
    commune = Party(partner_id="commune", agency="H47.28.01", kinds=EVERY, sends=EVERY)
    routed = route(K.FINISHED, (*USUAL, commune), sender="commune", about=at_commune(origin="commune"))
    assert (routed.rule, routed.decider) == ("progress-at-counter", "000.01.28.H47")
    assert who(routed) == {"portal": Role.INFORMED}
    assert who(route(K.FEE_PAID, (*USUAL, commune), about=at_commune()))["commune"] is Role.DECIDER


def test_a_commune_without_a_system_decides_in_the_one_that_opened_the_dossier() -> None:
    for kind in (K.RECEIVED, K.STEP, K.FINISHED, K.RETURNED, K.WITHDRAWN, K.DUTY_PAID):
        assert who(route(kind, about=at_commune())) == {"portal": Role.INFORMED}
    by_portal = msgspec.structs.replace(NATIONAL, sends=EVERY)
    assert who(route(K.DUTY_PAID, (DESK, by_portal), sender="portal", about=at_commune())) == {
        "desk": Role.ORIGIN
    }


def test_a_commune_does_not_decide_what_is_a_departments() -> None:
    assert who(route(K.FINISHED, about=at_commune(national="1.009999")))["land"] is Role.DECIDER
    parked = route(K.FINISHED, (DESK, NATIONAL), about=at_commune(national="1.009999"))
    assert who(parked) == {NOBODY: Role.DECIDER}


def test_a_failure_is_told_to_the_sender_and_nobody_else() -> None:
    assert who(route(K.DELIVERY_FAILED)) == {"desk": Role.SENDER}
    told = ROUTER.route(message(K.DELIVERY_FAILED, "hub"), story(), USUAL, on=BEFORE, sender="tax")
    assert who(told) == {"tax": Role.SENDER}


def test_a_failure_of_a_sender_that_cannot_be_told_goes_nowhere() -> None:
    assert route(K.DELIVERY_FAILED, (msgspec.structs.replace(DESK, kinds=()), LAND_OFFICE)).recipients == ()


def test_a_recipient_that_does_not_take_the_kind_is_left_out() -> None:
    assert who(
        route(K.RECEIVED, (DESK, msgspec.structs.replace(LAND_OFFICE, kinds=("step",)), NATIONAL))
    ) == {"portal": Role.INFORMED}


def test_the_decider_may_speak_before_it_was_ever_told() -> None:
    assert ROUTER.entitled(story(), USUAL, "land", on=BEFORE)
    assert not ROUTER.entitled(story(), USUAL, "tax", on=BEFORE)
    assert not ROUTER.entitled(story(national=None), USUAL, "land", on=BEFORE)


# --- no owner, two owners, no stage -----------------------------------------------------------------------------


def test_a_procedure_without_an_owner_is_parked() -> None:
    routed = route(K.RECEIVED, (DESK, NATIONAL))
    assert problems(routed) == [(NOBODY, "HUB-RTE-001")]
    details = [each.problem.detail for each in routed.recipients if each.problem]
    assert details == ["no partner decides 1.009999 for 000.00.15.H47"], "who lacks a system, for what"
    assert "portal" in who(routed)  # the others are not held up


@pytest.mark.parametrize("more", [{"national": "9.999999"}, {"national": None}, {"national": "1.009991"}])
def test_no_procedure_or_no_unit_at_its_level_is_parked_with_the_reason(more: dict[str, str | None]) -> None:
    routed = route(
        K.RECEIVED, about=story(**more)
    )  # 1.009991 is decided by a district, and a department received it
    assert problems(routed) == [(NOBODY, "HUB-RTE-001")]


def test_a_transfer_to_an_agency_without_a_system_is_parked() -> None:
    assert problems(route(K.TRANSFERRED, to_agency="000.00.16.H47")) == [(NOBODY, "HUB-RTE-001")]
    assert problems(route(K.TRANSFERRED, to_agency="H99")) == [(NOBODY, "HUB-RTE-001")]


def test_two_owners_are_parked_and_named() -> None:
    routed = route(K.RECEIVED, (*USUAL, msgspec.structs.replace(LAND_OFFICE, partner_id="land-2")))
    assert problems(routed) == [(NOBODY, "HUB-RTE-002")]
    assert routed.recipients[0].problem is not None
    assert routed.recipients[0].problem.detail == "both decide: land, land-2"


@pytest.mark.parametrize("stage", ["retired", "trial"])
def test_an_owner_in_no_stage_to_receive_is_parked(stage: Stage) -> None:
    routed = route(K.RECEIVED, (DESK, msgspec.structs.replace(LAND_OFFICE, stage=stage)))
    assert problems(routed) == [("land", "HUB-RTE-003")]


# --- stages -----------------------------------------------------------------------------------------------------


def test_trial_traffic_flows_among_partners_on_trial_only() -> None:
    trial = [flow for flow in FLOWS if "trial" in flow]
    assert trial == [("trial", "trial")]
    assert not [flow for flow in FLOWS if "retired" in flow]


def test_a_sender_on_trial_for_a_procedure_reaches_nobody_who_is_live() -> None:
    desk = msgspec.structs.replace(DESK, stages={"1.009999": "trial"})
    new = Party(partner_id="new", agency=LAND, kinds=EVERY, stage="trial")
    routed = route(K.RECEIVED, (desk, LAND_OFFICE, new, NATIONAL))
    assert [(r.partner, r.stage) for r in routed.recipients] == [("new", "trial")]
    live = route(K.RECEIVED, (desk, LAND_OFFICE, new, NATIONAL), about=story(national="1.009995"))
    assert [(r.partner, r.stage) for r in live.recipients] == [("land", "live"), ("portal", "live")]


def test_a_new_system_runs_in_parallel_beside_the_live_one() -> None:
    new = Party(partner_id="new", agency=LAND, kinds=EVERY, stage="parallel")
    routed = route(K.RECEIVED, (DESK, LAND_OFFICE, new))
    assert routed.recipients == (
        Recipient(partner="land", role=Role.DECIDER, stage="live"),
        Recipient(partner="new", role=Role.DECIDER, stage="parallel"),
    )


def test_a_stage_by_the_local_code_counts_too() -> None:
    desk = msgspec.structs.replace(DESK, stages={"QNA-DD-0123": "retired"})
    about = story(national=None, local="QNA-DD-0123")
    assert problems(route(K.RECEIVED, (desk, LAND_OFFICE), about=about)) == [("land", "HUB-RTE-003")]


# --- mergers ----------------------------------------------------------------------------------------------------

CITY_LAND = Party(partner_id="city-land", agency="H17.06", kinds=EVERY)


def test_a_merged_agencys_mail_goes_to_its_successors_system() -> None:
    parties = (DESK, LAND_OFFICE, CITY_LAND)
    assert who(route(K.RECEIVED, parties, on=BEFORE)) == {"land": Role.DECIDER}
    merged = route(K.RECEIVED, parties, on=AFTER)
    assert merged.decider == "H17.06"
    assert merged.recipients[0] == Recipient(partner="city-land", role=Role.DECIDER)


def test_the_old_system_goes_on_while_the_successor_has_none() -> None:
    assert who(route(K.FEE_PAID, (DESK, LAND_OFFICE), on=AFTER)) == {"land": Role.DECIDER}


def test_another_predecessors_system_serves_when_the_agencys_own_is_gone() -> None:
    agriculture = Party(partner_id="agriculture", agency="000.00.07.H47", kinds=EVERY)
    assert who(route(K.FEE_PAID, (DESK, agriculture), on=AFTER)) == {"agriculture": Role.DECIDER}
    assert problems(route(K.FEE_PAID, (DESK, agriculture), on=BEFORE)) == [(NOBODY, "HUB-RTE-001")]


def test_two_other_predecessors_are_two_owners() -> None:
    parties = (
        DESK,
        Party(partner_id="one", agency="000.00.07.H47", kinds=EVERY),
        Party(partner_id="two", agency="000.00.41.H47", kinds=EVERY),
    )
    assert problems(route(K.FEE_PAID, parties, on=AFTER)) == [(NOBODY, "HUB-RTE-002")]


def test_a_predecessors_system_is_not_sent_its_own_word_when_another_system_only_hears() -> None:
    hears = msgspec.structs.replace(LAND_OFFICE, role="informed", kinds=())
    desk = Party(partner_id="desk", agency="000.00.41.H47", kinds=EVERY, stage="trial")
    assert "desk" not in who(route(K.FEE_REFUNDED, (hears, desk), on=AFTER))


def test_the_origins_successor_hears_when_the_origins_system_is_retired() -> None:
    city = Party(partner_id="city", agency="H17", kinds=EVERY)
    gone = msgspec.structs.replace(DESK, stage="retired")
    for parties in ((LAND_OFFICE, city), (LAND_OFFICE, city, gone)):
        assert who(route(K.FINISHED, parties, sender="land", on=AFTER)) == {"city": Role.ORIGIN}


# --- the roster -------------------------------------------------------------------------------------------------


def test_a_roster_routes_as_its_parties_do() -> None:
    sorted_once = roster(USUAL, AGENCIES)
    for kind in Kind:
        said = message(kind)
        assert ROUTER.route(said, story(), sorted_once, on=BEFORE) == ROUTER.route(
            said, story(), USUAL, on=BEFORE
        )


def test_two_partners_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="partner desk stands twice"):
        roster((DESK, DESK), AGENCIES)


# --- the file ---------------------------------------------------------------------------------------------------

ALWAYS = '[[rule]]\nid = "all"\nkinds = ["*"]\nto = ["informed"]\n'
HEAD = "[confirmed]\norigin = []\n"


def read(tmp_path: Path, text: str) -> Router:
    path = tmp_path / "routes.toml"
    path.write_text(text, "utf-8")
    return Router(table=load(AGENCIES, path), agencies=AGENCIES, procedures=PROCEDURES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + ALWAYS + ALWAYS, "a rule's id stands twice"),
        (HEAD + ALWAYS.replace('"*"', '"received"'), "refused_at_reception has no rule that always fits"),
        (HEAD + ALWAYS + 'levels = ["commune"]\n', "received has no rule that always fits"),
        (HEAD + ALWAYS.replace("informed", "everyone"), "Invalid enum value 'everyone'"),
        (HEAD + ALWAYS.replace('"*"', '"eaten"'), "rule all: eaten is no kind of message"),
        (HEAD + ALWAYS + 'levels = ["village"]\n', "rule all: village is no level"),
        (HEAD + ALWAYS + 'trees = ["H99"]\n', "rule all: agency H99 is missing"),
        (HEAD + ALWAYS + 'when = "always"\n', "unknown field `when`"),
        (ALWAYS, "confirmed"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"routes\.toml") as error:
        read(tmp_path, text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("more", "about", "fits"),
    [
        ('procedures = ["1.009999"]', story(), True),
        ('procedures = ["QNA-DD-0123"]', story(national=None, local="QNA-DD-0123"), True),
        ('procedures = ["1.009995"]', story(), False),
        ('trees = ["H47"]', story(), True),
        ('trees = ["H47.16"]', story(), False),
        ('levels = ["department"]', story(), True),
        ('levels = ["commune"]', story(), False),
    ],
)
def test_the_first_rule_that_fits_decides(tmp_path: Path, more: str, about: Story, fits: bool) -> None:
    router = read(
        tmp_path, f'{HEAD}[[rule]]\nid = "own"\nkinds = ["step"]\nto = ["decider"]\n{more}\n{ALWAYS}'
    )
    assert router.rule(K.STEP, about).id == ("own" if fits else "all")
    assert router.rule(K.FINISHED, about).id == "all"


def test_no_partners_name_stands_in_the_shipped_table() -> None:
    table = load(AGENCIES, FILE)
    assert {tree for rule in table.rule for tree in rule.trees} == {"*"}


@pytest.mark.parametrize("code", ["HUB-RTE-001", "HUB-RTE-002", "HUB-RTE-003"])
def test_every_code_of_this_area_is_in_the_catalogue(code: str) -> None:
    assert code in errors.load()


# --- what is remembered -----------------------------------------------------------------------------------------


def everyday() -> list[tuple[Message, Story | None, date]]:
    """Every kind, for dossiers that differ in one thing each, from three senders, before and after the merger."""
    moved = (StoryLeg(agency=PROVINCE, state=State.PROCESSING), StoryLeg(agency=TAX, state=State.PROCESSING))
    stories = (
        story(),
        story(national=None),
        story(national=None, local="DD.007"),
        story(origin="tax", origin_agency=TAX),
        story(received_by=RECEIVED_BY[Level.COMMUNE]),
        story(legs=moved),
        story(opened_on=date(2031, 1, 1)),
    )
    return [
        (message(kind, sender, to_agency=to), about, on)
        for kind in K
        for sender in ("desk", "land", "tax")
        for to in (None, TAX)
        for about in stories
        for on in (BEFORE, date(2031, 1, 1))
    ]


def test_a_case_that_was_decided_before_is_decided_alike() -> None:
    remembering = Router(table=ROUTER.table, agencies=AGENCIES, procedures=PROCEDURES)
    rosters = (roster(USUAL, AGENCIES), roster((DESK, SILENT_LAND, NATIONAL), AGENCIES))
    plain = (USUAL, (DESK, SILENT_LAND, NATIONAL))
    for _ in range(2):
        for said, about, on in everyday():
            for known, parties in zip(rosters, plain, strict=True):
                assert remembering.route(said, about, known, on=on) == ROUTER.route(
                    said, about, parties, on=on
                )
    told = everyday()[0]
    again = [remembering.route(told[0], told[1], rosters[0], on=told[2]) for _ in range(2)]
    assert again[0] is again[1]


def test_what_is_remembered_of_cases_is_bounded() -> None:
    remembering = Router(table=ROUTER.table, agencies=AGENCIES, procedures=PROCEDURES)
    known = roster(USUAL, AGENCIES)
    for number in range(MOST_KNOWN + 10):
        day = date.fromordinal(730_000 + number)
        remembering.route(message(K.RECEIVED), story(opened_on=day), known, on=BEFORE)
        assert len(remembering.known) <= MOST_KNOWN


@pytest.mark.parametrize("kind", [K.RECEIVED, K.CORRECTED])
def test_what_was_handed_in_at_a_portal_is_the_receptions_alone_until_it_is_accepted(kind: Kind) -> None:
    portal = msgspec.structs.replace(NATIONAL, sends=("received", "corrected"))
    decides = msgspec.structs.replace(LAND_OFFICE, sends=("finished",))
    born = story(origin="portal", origin_agency=PORTAL, state=State.SUBMITTED)
    parties = (DESK, decides, TAX_OFFICE, portal)
    routed = ROUTER.route(message(kind, "portal"), born, parties, on=AFTER)
    assert [(one.partner, one.role) for one in routed.recipients] == [("desk", Role.RECEPTION)]
    accepted = msgspec.structs.replace(born, state=State.ACCEPTED)
    routed = ROUTER.route(message(kind, "desk"), accepted, parties, on=AFTER)
    assert {one.partner for one in routed.recipients} >= {"land", "portal"}
    itself = ROUTER.route(message(kind, "desk"), story(state=State.SUBMITTED), parties, on=AFTER)
    assert [one.partner for one in itself.recipients] == []


def test_a_handed_in_dossier_that_nobody_or_two_receive_is_parked() -> None:
    portal = msgspec.structs.replace(NATIONAL, sends=("received",))
    born = story(origin="portal", origin_agency=PORTAL, state=State.SUBMITTED)
    twin = msgspec.structs.replace(DESK, partner_id="twin")
    for parties, code in (
        ((LAND_OFFICE, portal), None),
        ((portal,), "HUB-RTE-001"),
        ((DESK, twin, portal), "HUB-RTE-002"),
    ):
        (one,) = ROUTER.route(message(K.RECEIVED, "portal"), born, parties, on=AFTER).recipients
        assert (one.problem.code if one.problem else None) == code


def test_a_rule_may_ask_for_states_that_there_are_and_no_others(tmp_path: Path) -> None:
    wrong = tmp_path / "routes.toml"
    wrong.write_text(FILE.read_text("utf-8").replace('states = ["submitted"]', 'states = ["handed in"]'))
    with pytest.raises(ValueError, match="no state"):
        load(AGENCIES, wrong)
