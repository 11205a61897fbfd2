"""Signatories: every mistake of every file at once, and one table of rights that answers each question the same way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from hub.partners.world import World
from hub.signatories import reading
from hub.signatories.acts import Office, act_of, needed
from hub.signatories.authority import Act, Authority, Signed
from schemas import codes
from schemas.agencies import Agencies
from schemas.dossier import Dossier, Event, Kind, Message, Procedure
from schemas.problems import Refusal
from schemas.procedures import Procedures
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from hub.signatories.reading import Known

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
PROVINCE, LAND, LAND_OFFICE, TRADE = "000.00.00.H47", "000.00.15.H47", "000.01.15.H47", "000.00.10.H47"
AGENCIES = Agencies.load()
PROCEDURES = Procedures.load(AGENCIES)
WORLD = World(
    rooms={}, mappings=frozenset(), keys=frozenset(), agency=lambda code: AGENCIES.known(code) is not None
)

GOOD = f"""\
agency = "{LAND}"

[[signatories]]
id = "gd-stnmt"
name = {{ vi = "Trần Thị Bình", en = "Tran Thi Binh" }}
certificates = ["director.pem"]
until = 2027-06-01

[[signatories.positions]]
title = {{ vi = "Giám đốc Sở", en = "Director" }}
since = 2025-01-01
kinds = ["finished", "duty_announced"]

[[signatories]]
id = "pgd-stnmt"
name = {{ vi = "Lê Văn Cường", en = "Le Van Cuong" }}
certificates = ["deputy.pem"]

[[signatories.positions]]
title = {{ vi = "Phó Giám đốc Sở", en = "Deputy director" }}
procedures = ["1.009995"]

[[delegations]]
from = "gd-stnmt"
to = "pgd-stnmt"
since = 2026-11-20
until = 2026-12-01
procedures = ["1.009999"]
decision = "12/QĐ-STNMT"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("signatories")
    pki = Pki(tmp_path_factory.mktemp("pki"), NOW)
    for name, seal in (("director", "seal-p256"), ("deputy", "seal-non-repudiation"), ("tsa", "tsa")):
        (made / f"{name}.pem").write_bytes(pki[seal].certificate_file.read_bytes())
    return made


def told(folder: Path, text: str = GOOD) -> Known:
    (folder / "so-tnmt.toml").write_text(text)
    return reading.load(folder, WORLD)


def signs(known: Known, who: str, act: Act, on: datetime = NOW) -> Signed:
    holder = next(each for each in known.holders if each.id == who)
    return known.authority.signs(min(holder.certificates), act, on, AGENCIES)


def finished(procedure: str = "1.009999", agency: str = LAND, field: str = "") -> Act:
    return Act(kind="finished", agencies=(agency,), procedures=frozenset({procedure}), field=field)


def test_an_officer_signs_what_the_position_includes_for_the_agency_and_the_units_below_it(
    folder: Path,
) -> None:
    known = told(folder)
    assert signs(known, "gd-stnmt", finished()).right.title == ("Giám đốc Sở", "Director")
    assert signs(known, "gd-stnmt", finished(agency=LAND_OFFICE)).holder == "gd-stnmt"


@pytest.mark.parametrize(
    ("who", "act"),
    [
        ("gd-stnmt", Act(kind="returned", agencies=(LAND,))),
        ("gd-stnmt", finished(agency=TRADE)),
        ("gd-stnmt", finished(agency=PROVINCE)),
        ("pgd-stnmt", finished("1.009998")),
        ("pgd-stnmt", Act(kind="returned", agencies=(LAND,), procedures=frozenset({"1.009999"}))),
    ],
    ids=["another kind", "another agency", "the agency above", "another procedure", "more than was lent"],
)
def test_what_no_right_includes_is_refused_as_such(folder: Path, who: str, act: Act) -> None:
    with pytest.raises(Refusal, match="HUB-SGN-002"):
        signs(told(folder), who, act)


@pytest.mark.parametrize(
    ("who", "on", "counts"),
    [
        ("gd-stnmt", datetime(2024, 12, 31, 16, 59, tzinfo=UTC), False),
        ("gd-stnmt", datetime(2024, 12, 31, 17, 0, tzinfo=UTC), True),
        ("gd-stnmt", datetime(2027, 5, 31, 16, 59, tzinfo=UTC), True),
        ("gd-stnmt", datetime(2027, 5, 31, 17, 0, tzinfo=UTC), False),
        ("pgd-stnmt", datetime(2026, 11, 19, 16, 59, tzinfo=UTC), False),
        ("pgd-stnmt", datetime(2026, 11, 30, 16, 59, tzinfo=UTC), True),
        ("pgd-stnmt", datetime(2026, 11, 30, 17, 0, tzinfo=UTC), False),
    ],
)
def test_a_right_counts_from_its_first_day_until_its_last_in_vietnam(
    folder: Path, who: str, on: datetime, counts: bool
) -> None:
    known = told(folder)
    if counts:
        assert signs(known, who, finished(), on).holder == who
        return
    with pytest.raises(Refusal, match="HUB-SGN-003"):
        signs(known, who, finished(), on)


def test_what_was_lent_says_from_whom_by_which_decision_and_ends_with_the_lenders_own_right(
    folder: Path,
) -> None:
    right = signs(told(folder), "pgd-stnmt", finished()).right
    assert (right.lender, right.decision, right.ends) == ("gd-stnmt", "12/QĐ-STNMT", date(2026, 12, 1))
    gone = GOOD.replace("until = 2027-06-01", "until = 2026-11-22")
    with pytest.raises(Refusal, match="HUB-SGN-003"):
        signs(told(folder, gone), "pgd-stnmt", finished())


def test_a_field_is_another_way_to_name_procedures(folder: Path) -> None:
    known = told(folder, GOOD.replace('procedures = ["1.009995"]', 'fields = ["G13-DC03"]'))
    assert signs(known, "pgd-stnmt", finished("1.000001", field="G13-DC03"))
    with pytest.raises(Refusal, match="HUB-SGN-002"):
        signs(known, "pgd-stnmt", finished("1.000001", field="G13-DC04"))


def test_a_certificate_of_nobody_signs_nothing(folder: Path) -> None:
    with pytest.raises(Refusal, match="HUB-SGN-001"):
        told(folder).authority.signs("0" * 64, finished(), NOW, AGENCIES)
    with pytest.raises(Refusal, match="HUB-SGN-001"):
        Authority().signs("0" * 64, finished(), NOW, AGENCIES)


def test_no_name_enters_a_refusal(folder: Path) -> None:
    with pytest.raises(Refusal) as caught:
        signs(told(folder), "gd-stnmt", finished(agency=TRADE))
    assert "Bình" not in repr(caught.value.problems)


@pytest.mark.parametrize(
    ("old", "new", "place", "rule"),
    [
        (LAND, "000.00.99.X00", "agency", "an agency of the registry"),
        ("director.pem", "nobody.pem", "signatories[0].certificates[0]", "a file that is there"),
        ("director.pem", "tsa.pem", "signatories[0].certificates[0]", "a certificate for signing"),
        ("deputy.pem", "director.pem", "signatories[1].certificates[0]", "stands for another signatory"),
        ('id = "pgd-stnmt"', 'id = "gd-stnmt"', "signatories[1].id", "stands twice"),
        ('from = "gd-stnmt"', 'from = "nobody"', "delegations[0].from", "the id of a signatory"),
        ('to = "pgd-stnmt"', 'to = "gd-stnmt"', "delegations[0].to", "the id of another signatory"),
        ('to = "pgd-stnmt"', 'to = "nobody"', "delegations[0].to", "the id of another signatory"),
        ("until = 2026-12-01", "until = 2026-11-20", "delegations[0]", "a day after since"),
        ("decision =", "decided =", "delegations[0].decided", "unknown key"),
        ('"finished", ', '"finishd", ', "signatories[0].positions[0].kinds[0]", "finished"),
    ],
)
def test_each_mistake_is_named_with_its_place(
    folder: Path, old: str, new: str, place: str, rule: str
) -> None:
    with pytest.raises(Refusal) as caught:
        told(folder, GOOD.replace(old, new))
    problems = {problem.place: problem for problem in caught.value.problems}
    found = problems[f"so-tnmt.toml: {place}"]
    assert (found.code, rule in found.rule, found.line > 0) == ("HUB-CFG-001", True, True)


def test_a_folder_that_is_not_there_is_said_and_none_means_that_nobody_signs(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        reading.load(tmp_path / "gone", WORLD)
    assert reading.load(None, WORLD).holders == ()


@pytest.mark.parametrize(
    ("system", "theirs"), [(LAND, True), (LAND_OFFICE, True), (PROVINCE, True), (TRADE, False)]
)
def test_signatories_are_pinned_for_systems_of_their_own_line_only(
    folder: Path, system: str, theirs: bool
) -> None:
    assert bool(told(folder).certificates(system, AGENCIES)) is theirs


# --- what is an act ----------------------------------------------------------------------------------------------


def act(kind: Kind, *, by: str | None = None) -> Act:
    code = f"{PROVINCE}-261120-0001"
    message = Message(
        event=Event(kind=kind, at=NOW, from_agency=by),
        key="k",
        sender="centre",
        agency=PROVINCE,
        dossier=Dossier(code=code, procedure=Procedure(national="1.009999")),
    )
    office = Office(PROVINCE, PROVINCE)
    return act_of(message, codes.parse(code, "/dossier/code"), office, PROCEDURES, AGENCIES, NOW)


def test_a_decision_is_signed_in_the_name_of_whom_the_procedure_gives_it_to() -> None:
    assert act(Kind.FINISHED).agencies == (LAND, "H17.06")
    assert act(Kind.CORRECTED).agencies == (LAND, "H17.06")
    assert act(Kind.FINISHED).procedures >= {"1.009999"}


def test_everything_else_is_signed_in_the_bringers_own_name_whatever_it_says() -> None:
    assert act(Kind.RETURNED).agencies[0] == PROVINCE
    assert act(Kind.FINISHED, by=TRADE).agencies[0] == LAND
    assert act(Kind.STEP, by=TRADE).agencies[0] == PROVINCE


def test_what_only_some_may_say_only_they_may_correct() -> None:
    kinds = frozenset({"finished"})
    assert [needed(kind, kinds) for kind in ("finished", "corrected", "step")] == [True, True, False]
    assert not needed("corrected", frozenset())
