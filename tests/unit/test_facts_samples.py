"""The samples of the national portal's generations 1 and 1+ (facts §1.13), and what may legally differ from them, mean the same to our formats.

The simulated portal, written from the same facts by another hand, takes them and what our formats write of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.simulators.portal_rules import PROGRESS, wrong_dossier
from schemas.dossier import to_json
from schemas.mapping import mappings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
FORMATS = mappings(ROOT / "schemas" / "mappings")
Records = list[dict[str, Any]]
GENERATIONS = {"dvcqg.g1@1": "1", "dvcqg.g1plus@1": "1+"}
DOSSIER, STEP = "DongBoHoSoMC", "CapNhatTienDoHoSoMC"


def sample(name: str) -> Records:
    told: Records = json.loads((ROOT / "tests" / "golden" / "facts" / f"{name}.json").read_text("utf-8"))
    return told


def raw(records: Records, **how: Any) -> bytes:
    return json.dumps(records, ensure_ascii=False, **how).encode()


def meaning(ref: str, told: bytes) -> dict[str, Any]:
    message = FORMATS[ref].read(told, "cong", "k-1", "000.00.00.H47")
    meant: dict[str, Any] = json.loads(to_json(message))
    return meant


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_empty(each) for name, each in value.items() if each not in ("", [])}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: backwards(each) for name, each in reversed(value.items())}
    return [backwards(each) for each in value] if isinstance(value, list) else value


VARIATIONS: dict[str, Callable[[Records], bytes]] = {
    "in another order": lambda records: raw(backwards(records)),
    "absent for empty": lambda records: raw(without_empty(records)),
    "with white space": lambda records: raw(records, indent="\t"),
    "with escapes": lambda records: json.dumps(records).encode(),
}


@pytest.mark.parametrize("how", VARIATIONS)
@pytest.mark.parametrize("ref", GENERATIONS)
def test_what_may_legally_differ_means_the_same(ref: str, how: str) -> None:
    dossier = sample(DOSSIER)
    assert meaning(ref, VARIATIONS[how](dossier)) == meaning(ref, raw(dossier))
    for step in sample(STEP):
        assert meaning(ref, VARIATIONS[how]([step])) == meaning(ref, raw([step]))


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("ref", GENERATIONS)
def test_none_one_and_many_papers_are_as_many(ref: str, number: int) -> None:
    (dossier,) = sample(DOSSIER)
    paper = dossier["TaiLieuNop"][0]
    told = [{**paper, "TepDinhKemId": f"90000{each}"} for each in range(number)]
    meant = meaning(ref, raw([dossier | {"TaiLieuNop": told}]))
    assert len(meant["dossier"].get("documents", [])) == number


@pytest.mark.parametrize(("ref", "generation"), GENERATIONS.items())
def test_another_hands_portal_takes_the_samples_and_what_we_write_of_them(ref: str, generation: str) -> None:
    format_ = FORMATS[ref]
    for operation, records in ((DOSSIER, sample(DOSSIER)), *((STEP, [step]) for step in sample(STEP))):
        written: Records = json.loads(
            format_.write(operation, format_.read(raw(records), "cong", "k-1", "000.00.00.H47"), "k-1")
        )
        for record in (*records, *written):
            said = wrong_dossier(record, generation) if operation == DOSSIER else PROGRESS.wrong(record)
            assert said == "", (operation, record)


def test_what_generation_1_plus_writes_of_the_sample_says_all_of_it() -> None:
    format_ = FORMATS["dvcqg.g1plus@1"]
    (told,) = sample(DOSSIER)
    (written,) = json.loads(
        format_.write(DOSSIER, format_.read(raw([told]), "cong", "k-1", "000.00.00.H47"), "k-1")
    )
    assert without_empty(written) == without_empty(told)
