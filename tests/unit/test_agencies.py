from __future__ import annotations

import shutil
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agencies import FOLDER, Agencies, Level, is_qcvn, is_qd20, qcvn_by_rule, qd20_by_rule
from schemas.problems import Refusal

if TYPE_CHECKING:
    from pathlib import Path

PROVINCE = "000.00.00.H47"
LAND = "000.00.15.H47"
DUY_XUYEN = "001.00.10.H47"
BEFORE, BETWEEN, AFTER = date(2019, 4, 12), date(2025, 4, 1), date(2026, 1, 1)

HEAD = "code,level,parent,vi,en,since,until,successor,invented\n"
DISTRICTS = [
    "Tam Kỳ", "Hội An", "Điện Bàn", "Tây Giang", "Đông Giang", "Đại Lộc", "Quế Sơn", "Duy Xuyên", "Nam Giang",
    "Phước Sơn", "Hiệp Đức", "Thăng Bình", "Tiên Phước", "Bắc Trà My", "Nam Trà My", "Núi Thành", "Phú Ninh",
    "Nông Sơn",
]  # fmt: skip


@pytest.fixture(scope="module")
def agencies() -> Agencies:
    return Agencies.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "registries")
    return tmp_path / "registries"


def write(folder: Path, *rows: str) -> Path:
    for path in (folder / "agencies").glob("*.csv"):
        path.unlink()
    (folder / "agencies" / "some.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows), "utf-8")
    return folder


# --- the data of the province -----------------------------------------------------------------------------------


def test_all_eighteen_districts_are_there_each_with_its_communes(agencies: Agencies) -> None:
    districts = [a for a in agencies.rows.values() if a.level is Level.DISTRICT]
    communes = Counter(a.parent for a in agencies.rows.values() if a.level is Level.COMMUNE)
    assert sorted(
        a.vi.partition(" nhân dân ")[2].split(" ", 2 if "thành" in a.vi or "thị" in a.vi else 1)[-1]
        for a in districts
    ) == sorted(DISTRICTS)
    assert all(communes[district.code] >= 6 for district in districts)
    assert sum(communes[district.code] for district in districts) == 241


def test_departments_stand_under_the_province(agencies: Agencies) -> None:
    departments = [
        a
        for a in agencies.rows.values()
        if a.level is Level.DEPARTMENT and agencies.is_within(a.code, PROVINCE)
    ]
    assert len(departments) >= 20
    assert agencies.require(LAND) in departments


def test_whoever_ended_has_someone_who_answers_today(agencies: Agencies) -> None:
    for agency in agencies.rows.values():
        assert agencies.successor(agency.code, AFTER).stands(AFTER)


def test_only_codes_that_were_seen_are_not_marked_invented(agencies: Agencies) -> None:
    seen = {a.code for a in agencies.rows.values() if not a.invented}
    assert seen == {PROVINCE, LAND, DUY_XUYEN, "000.00.00.G22"}


# --- codes in two forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qcvn", "qd20"),
    [
        ("000.00.00.H47", "H47"),
        ("000.00.15.H47", "H47.15"),
        ("000.03.15.H47", "H47.15.03"),
        ("007.03.15.H47", "H47.15.03.007"),
        ("000.A0.01.H26", "H26.01.A0"),  # letters are kept
        ("000.00.00.G22", "G22"),
        (DUY_XUYEN, "H47.28"),  # by the table of exceptions
    ],
)
def test_a_code_converts_both_ways(agencies: Agencies, qcvn: str, qd20: str) -> None:
    assert agencies.to_qd20(qcvn) == qd20
    assert agencies.to_qcvn(qd20) == qcvn
    assert agencies.to_qcvn(qcvn) == qcvn
    assert agencies.to_qd20(qd20) == qd20


@pytest.mark.parametrize(
    "code", ["H15.50.05.13", "H57.132.07.01", "h47.15", "H47..15", "", "Sở", "000.00.15.47"]
)
def test_what_the_rule_cannot_say_is_not_guessed(agencies: Agencies, code: str) -> None:
    assert agencies.to_qcvn(code) is None


def test_the_table_wins_over_the_rule_in_both_directions(agencies: Agencies) -> None:
    assert agencies.to_qcvn("H47.10.001") is None  # the rule would say Duy Xuyên
    assert agencies.to_qd20("000.00.28.H47") is None  # the rule would say Duy Xuyên's QĐ 20 code


def test_a_code_with_a_gap_has_no_way_back_and_is_not_converted() -> None:
    assert qd20_by_rule("000.03.00.H47") is None


@settings(deadline=None)
@given(st.from_regex(r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.[A-Z][0-9]{2}", fullmatch=True))
def test_the_rule_finds_its_way_back_from_qcvn(qcvn: str) -> None:
    said = qd20_by_rule(qcvn)
    assert said is None or (is_qd20(said) and qcvn_by_rule(said) == qcvn)


@settings(deadline=None)
@given(st.from_regex(r"[A-Z][0-9]{2}(\.[0-9A-Z]{2,3}){0,4}", fullmatch=True))
def test_the_rule_finds_its_way_back_from_qd20(qd20: str) -> None:
    said = qcvn_by_rule(qd20)
    assert said is None or (is_qcvn(said) and qd20_by_rule(said) == qd20)


def test_an_agency_is_found_by_either_form(agencies: Agencies) -> None:
    assert agencies.find(LAND, BEFORE) is agencies.find("H47.15", BEFORE) is not None
    assert agencies.find("H47.28", BEFORE) is agencies.known(DUY_XUYEN)
    assert agencies.same("H47.15", LAND)
    assert not agencies.same("H47.15", "H47.16")


# --- time -------------------------------------------------------------------------------------------------------


def test_a_merged_agencys_mail_follows_the_chain_by_date(agencies: Agencies) -> None:
    assert agencies.successor("H47.15", BEFORE).code == LAND
    assert agencies.successor("H47.15", BETWEEN).code == "000.00.41.H47"
    assert agencies.successor("H47.15", AFTER).code == "H17.06"


def test_until_is_the_first_day_that_an_agency_no_longer_stands(agencies: Agencies) -> None:
    assert agencies.find(PROVINCE, date(2025, 6, 30)) is not None
    assert agencies.find(PROVINCE, date(2025, 7, 1)) is None
    assert agencies.successor(PROVINCE, date(2025, 7, 1)).code == "H17"
    assert agencies.find("H17.60.01", date(2025, 6, 30)) is None


def test_a_district_that_merged_twice_ends_in_a_commune_of_the_city(agencies: Agencies) -> None:
    nong_son = next(
        a for a in agencies.rows.values() if a.vi.endswith("Nông Sơn") and a.level is Level.DISTRICT
    )
    assert agencies.successor(nong_son.code, BETWEEN).vi.endswith("Quế Sơn")
    assert agencies.successor(nong_son.code, AFTER).level is Level.COMMUNE


# --- trees ------------------------------------------------------------------------------------------------------


def test_trees_are_followed_upwards_in_either_form(agencies: Agencies) -> None:
    assert agencies.is_within("H47.28", PROVINCE)
    assert agencies.is_within("000.01.15.H47", "H47.15")
    assert agencies.is_within(LAND, LAND)
    assert not agencies.is_within(PROVINCE, LAND)
    assert not agencies.is_within("000.00.00.G22", PROVINCE)


def test_what_is_not_known_is_within_nothing(agencies: Agencies) -> None:
    assert not agencies.is_within("000.00.99.H47", PROVINCE)
    assert not agencies.is_within(LAND, "H99")
    assert agencies.level("H99") is None
    assert agencies.level("H47.15") is Level.DEPARTMENT


def test_an_unknown_agency_is_refused_by_code(agencies: Agencies) -> None:
    with pytest.raises(Refusal) as required:
        agencies.require("H99", "/event/to_agency")
    with pytest.raises(Refusal) as succeeded:
        agencies.successor("H99", AFTER)
    assert required.value.code == succeeded.value.code == "HUB-DOS-006"
    assert required.value.problems[0].place == "/event/to_agency"


# --- a registry that is wrong is refused ------------------------------------------------------------------------

ROOT = "H01,province,,Một,One,,,,true"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((ROOT, ROOT), "some.csv line 3: H01 stands twice, also at some.csv line 2"),
        (
            (ROOT, "000.00.00.H01,province,,Một,One,,,,true"),
            "stands twice",
        ),  # the same code in its other form
        ((ROOT, "H01.02,department,H09,Hai,Two,,,,true"), "parent H09 of H01.02 is missing"),
        ((ROOT, "H01.02,department,H01,Hai,Two,,2025-01-01,H09,true"), "successor H09 of H01.02 is missing"),
        (
            ("H01,province,H02,Một,One,,,,true", "H02,province,H01,Hai,Two,,,,true"),
            "parent of H01 runs in a loop",
        ),
        (
            ("H01,province,,Một,One,,2025-01-01,H02,true", "H02,province,,Hai,Two,,2025-02-01,H01,true"),
            "successor of H01 runs in a loop",
        ),
        (("H01,province,,Một,One,,2025-01-01,,true",), "needs an end and a successor"),
        (("H01,province,,Một,One,2025-02-01,2025-01-01,H01,true",), "ends before it begins"),
        (("H01,village,,Một,One,,,,true",), "Invalid enum value 'village'"),
        (("H01,province,,Một,One,,,,maybe",), "invented"),
        (("H01,province,,Một,One,01/07/2025,,,true",), "since"),
        (("h01,province,,Một,One,,,,true",), "neither a QCVN 102"),
        (("H01,province,,Một,,,,,true",), "en"),
        (("H01,province,,Một,One,,,,true,more",), "some.csv line 2"),
        ((",province,,Một,One,,,,true",), "code"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(folder: Path, rows: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=r"some\.csv line [23]") as error:
        Agencies.load(write(folder, *rows))
    assert said in str(error.value)


def test_an_unknown_column_is_refused_even_when_it_is_empty(folder: Path) -> None:
    write(folder)
    (folder / "agencies" / "some.csv").write_text(HEAD.replace("successor", "sucessor"), "utf-8")
    with pytest.raises(ValueError, match="unknown column sucessor"):
        Agencies.load(folder)


@pytest.mark.parametrize(
    "rows", ["001.00.10.H47,H47.28,true,\n001.00.10.H47,H47.29,true,\n", "H47.28,001.00.10.H47,true,\n"]
)
def test_a_wrong_exception_is_refused(folder: Path, rows: str) -> None:
    (folder / "agency-codes.csv").write_text("qcvn,qd20,invented,note\n" + rows, "utf-8")
    with pytest.raises(ValueError, match=r"agency-codes\.csv"):
        Agencies.load(folder)
