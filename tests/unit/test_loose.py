"""Values of another type than their format has them, for formats whose clients write both."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import loose
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal
from schemas.table import Row, Table

TABLE = Table(
    id="x",
    version=1,
    media="json",
    origin="made for this test",
    records={
        "all": (
            Row(wire="Text"),
            Row(wire="Whole", at="size", as_="integer"),
            Row(wire="Flag", at="deleted", as_="boolean"),
            Row(wire="Title", at="deleted", as_="True/False"),
            Row(wire="Either", at="id", as_="number"),
            Row(wire="Kept", keep=True),
            Row(wire="Each", at="names", many=True),
            Row(wire="Inside", record="inside"),
            Row(wire="Many", record="inside", many=True),
        ),
        "inside": (Row(wire="Text"),),
    },
)
PLAN = loose.plan(TABLE, "all")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"Text": 7}, {"Text": "7"}),
        ({"Whole": "150000"}, {"Whole": 150000}),
        ({"Whole": 150000.0}, {"Whole": 150000}),
        ({"Flag": "True"}, {"Flag": True}),
        ({"Flag": "0"}, {"Flag": False}),
        ({"Title": False}, {"Title": "False"}),
        ({"Title": "true"}, {"Title": "True"}),
        ({"Each": ["a", 2]}, {"Each": ["a", "2"]}),
        (
            {"Inside": {"Text": 7}, "Many": [{"Text": 7}, 7]},
            {"Inside": {"Text": "7"}, "Many": [{"Text": "7"}, 7]},
        ),
    ],
)
def test_a_value_of_another_type_is_told_as_the_format_has_it(
    written: dict[str, object], told: dict[str, object]
) -> None:
    assert loose.told(written, PLAN) == told


@pytest.mark.parametrize(
    "written",
    [
        {"Text": True},
        {"Text": 1.5},
        {"Text": {}},
        {"Text": None},
        {"Whole": "-1"},
        {"Whole": "1.5"},
        {"Whole": 1.5},
        {"Whole": "9" * 20},
        {"Whole": ""},
        {"Flag": "có"},
        {"Flag": 2},
        {"Title": "có"},
        {"Either": 7},
        {"Kept": 7},
        {"Unknown": 7},
        {"Inside": 7, "Many": 7},
    ],
)
def test_what_is_nothing_of_the_kind_stays_for_the_schema_to_judge(written: dict[str, object]) -> None:
    assert loose.told(written, PLAN) == written


def test_a_wrong_value_is_still_refused_where_it_stands() -> None:
    mapping = load(BUILTIN / "mappings" / "dvcqg.mapi-1.toml")
    full = Path(__file__).parents[1] / "golden" / "full" / "dvcqg.mapi@1.DongBoHoSoMC.json"
    raw = full.read_bytes().replace(b'"KenhThucHien": "1"', b'"KenhThucHien": 1.5')
    assert raw != full.read_bytes()
    with pytest.raises(Refusal) as refused:
        mapping.read(raw, "s", "k", "a")
    (problem,) = refused.value.problems
    assert (problem.code, problem.place) == ("HUB-SCH-002", "/HoSo/KenhThucHien")
    assert problem.line > 1
