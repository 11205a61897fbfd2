from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.agencies import Agencies, Level
from schemas.problems import Refusal
from schemas.procedures import Procedures, decider, decider_unit, national_part

if TYPE_CHECKING:
    from pathlib import Path

PROVINCE = "000.00.00.H47"
ON = date(2024, 5, 1)

ENTRY = """
[[procedure]]
id = "{id}"
{codes}
name = {{ vi = "Một", en = "One" }}
field = {{ code = "F", vi = "Lĩnh vực", en = "Field" }}
level = "province"
decider = "{decider}"
hours = 8
"""


@pytest.fixture(scope="module")
def agencies() -> Agencies:
    return Agencies.load()


@pytest.fixture(scope="module")
def procedures(agencies: Agencies) -> Procedures:
    return Procedures.load(agencies)


def entry(id: str = "one", codes: str = 'national = "1.000001"', decider: str = "H47.15") -> str:  # noqa: A002 - the field's word
    return ENTRY.format(id=id, codes=codes, decider=decider)


def load(tmp_path: Path, agencies: Agencies, *entries: str) -> Procedures:
    (tmp_path / "some.toml").write_text("".join(entries), "utf-8")
    return Procedures.load(agencies, tmp_path)


# --- finding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["1.009999", "1.009999.000.00.00.H47", "1.009999.H47"])
def test_a_national_code_is_found_with_or_without_an_agencys_suffix(
    procedures: Procedures, code: str
) -> None:
    found = procedures.by_national(code, ON)
    assert found is not None
    assert found.id == "land-transfer"


@pytest.mark.parametrize("code", ["", "1.9999", "1.0099999", "1.009999-H47", "QNA-DD-0123", "1.009999."])
def test_what_is_no_national_code_names_nothing(code: str) -> None:
    assert national_part(code) is None


def test_a_local_code_counts_in_its_authoritys_tree(procedures: Procedures, agencies: Agencies) -> None:
    below = procedures.by_local("QNA-DD-0123", "H47.15", ON, agencies)
    assert below is not None
    assert below.national == "1.009999"
    assert procedures.by_local("QNA-DD-0123", "000.00.00.G22", ON, agencies) is None


def test_a_procedure_without_a_national_code_is_known(procedures: Procedures, agencies: Agencies) -> None:
    found = procedures.require(None, "QNM-NB-01", authority=PROVINCE, on=ON, agencies=agencies)
    assert found.national is None


def test_two_codes_must_name_the_same_procedure(procedures: Procedures, agencies: Agencies) -> None:
    where = {"authority": PROVINCE, "on": ON, "agencies": agencies}
    assert procedures.find("1.009999", "QNA-DD-0123", **where) is not None  # type: ignore[arg-type] # plain dict of three
    with pytest.raises(Refusal) as refusal:
        procedures.require("1.009999", "QNM-DD-02", **where)  # type: ignore[arg-type]
    assert refusal.value.code == "HUB-DOS-005"


@pytest.mark.parametrize(("national", "local"), [("1.111111", None), (None, "QNM-??-99"), (None, None)])
def test_an_unknown_procedure_is_refused(
    procedures: Procedures, agencies: Agencies, national: str | None, local: str | None
) -> None:
    with pytest.raises(Refusal) as refusal:
        procedures.require(national, local, authority=PROVINCE, on=ON, agencies=agencies)
    assert refusal.value.code == "HUB-DOS-005"


def test_every_entry_of_the_examples_says_that_it_is_invented(procedures: Procedures) -> None:
    assert {found.invented for found in procedures.entries.values()} == {True}
    assert {found.level for found in procedures.entries.values()} >= {
        Level.PROVINCE,
        Level.DISTRICT,
        Level.COMMUNE,
    }


# --- time -------------------------------------------------------------------------------------------------------


def test_a_code_may_be_given_to_another_procedure_from_a_date(tmp_path: Path, agencies: Agencies) -> None:
    procedures = load(
        tmp_path,
        agencies,
        entry("old", 'national = "1.000001"\nuntil = 2025-01-01\nsuccessor = "new"'),
        entry("new", 'national = "1.000001"\nsince = 2025-01-01'),
    )
    old, new = (
        procedures.by_national("1.000001", date(2024, 12, 31)),
        procedures.by_national("1.000001", date(2025, 1, 1)),
    )
    assert old is not None
    assert new is not None
    assert (old.id, new.id) == ("old", "new")


def test_the_nearest_authoritys_local_code_wins(tmp_path: Path, agencies: Agencies) -> None:
    procedures = load(
        tmp_path,
        agencies,
        entry("far", f'local = [{{ authority = "{PROVINCE}", code = "X" }}]'),
        entry("near", 'local = [{ authority = "H47.15", code = "X" }]'),
    )
    assert getattr(procedures.by_local("X", "000.00.15.H47", ON, agencies), "id", None) == "near"
    assert getattr(procedures.by_local("X", "H47.16", ON, agencies), "id", None) == "far"


# --- who decides ------------------------------------------------------------------------------------------------


def test_a_named_decider_is_followed_through_mergers(procedures: Procedures, agencies: Agencies) -> None:
    land = procedures.entries["land-transfer"]
    assert decider_unit(land, PROVINCE, agencies) == "000.00.15.H47"
    for on, code in (
        (ON, "000.00.15.H47"),
        (date(2025, 4, 1), "000.00.41.H47"),
        (date(2026, 1, 1), "H17.06"),
    ):
        assert getattr(decider(land, PROVINCE, agencies, on), "code", None) == code


def test_a_level_decides_where_the_dossier_was_received(procedures: Procedures, agencies: Agencies) -> None:
    stall = procedures.entries["household-business"]
    assert decider_unit(stall, "001.00.10.H47", agencies) == "001.00.10.H47"
    assert (
        decider_unit(stall, "000.01.28.H47", agencies) == "001.00.10.H47"
    )  # received by a commune of Duy Xuyên
    assert decider_unit(stall, PROVINCE, agencies) is None
    assert decider(stall, PROVINCE, agencies, ON) is None


# --- a registry that is wrong is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((entry(), entry()), "procedure one stands twice"),
        ((entry(), entry("two")), "procedure code 1.000001 (national) stands twice: one and two"),
        ((entry(codes=""),), "has neither a national nor a local code"),
        ((entry(codes='national = "1.1"'),), "1.1 is no national procedure code"),
        ((entry(decider="H47.99"),), "decider H47.99 is neither an agency nor a level"),
        ((entry(codes='national = "1.000001"\nsuccessor = "two"'),), "successor two is missing"),
        ((entry(codes='local = [{ authority = "H99", code = "X" }]'),), "authority H99 is missing"),
        (
            (entry(codes='national = "1.000001"\nsince = 2025-01-01\nuntil = 2025-01-01'),),
            "ends before it begins",
        ),
        ((entry(codes='national = "1.000001"\nowner = "H47"'),), "unknown field `owner`"),
        ((entry(codes='national = "1.000001"\nlevel = "x"'),), "some.toml"),  # a key that stands twice
        ((entry().replace("hours = 8", "hours = 0"),), ">= 1"),
    ],
)
def test_a_wrong_entry_is_refused(
    tmp_path: Path, agencies: Agencies, entries: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        load(tmp_path, agencies, *entries)
    assert said in str(error.value)
