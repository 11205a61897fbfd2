"""Catalogues as versions: what is read, what differs, what counts when."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from hub.registries import catalogues
from hub.registries.catalogues import Changes
from hub.store.contract.catalogues import Version
from schemas.agencies import Agencies
from schemas.codelists import CodeLists
from schemas.problems import Refusal
from schemas.procedures import Procedures

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def version(id: str, number: int, day: int) -> Version:  # noqa: A002 - the field's word
    return Version(
        id=id,
        version=number,
        effective=date(2026, 12, day),
        at=NOW,
        digest="",
        signature="",
        by="an",
        reason="x",
    )


def test_entries_are_read_from_json_and_toml_alike() -> None:
    told = b'{"entries": [{"code": "B1", "name": "b"}]}'
    assert catalogues.read(told, "x.json") == catalogues.read(
        b'[[entries]]\ncode = "B1"\nname = "b"\n', "x.toml"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b'{"entries": []}',
        b'{"entries": {}}',
        b'{"entries": [1, {"name": "x"}]}',
        b'{"entries": [{"code": "a"}, {"code": "a"}]}',
        b'{"entries": [{"code": " "}]}',
    ],
)
def test_what_is_wrong_with_a_file_is_named(raw: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        catalogues.read(raw, "x.json")
    assert refused.value.code == "HUB-CAT-001"
    assert all(problem.place.startswith("x.json") for problem in refused.value.problems)


def test_every_fault_of_a_file_is_told_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        catalogues.read(json.dumps({"entries": [1, {"code": "a"}, {"code": "a"}]}).encode(), "x.json")
    assert [problem.place for problem in refused.value.problems] == [
        "x.json: entries[0]",
        "x.json: entries[2]",
    ]


def test_changes_name_codes_and_fields_and_order_says_nothing() -> None:
    before: list[dict[str, object]] = [{"code": "a", "name": "1"}, {"code": "b", "x": 1}, {"code": "c"}]
    after: list[dict[str, object]] = [{"code": "d"}, {"code": "c"}, {"code": "b", "x": 2, "y": 3}]
    assert catalogues.changes(before, after) == Changes(
        added=("d",), removed=("a",), changed={"b": ("x", "y")}
    )
    assert catalogues.changes(before, list(reversed(before))).nothing


def test_the_hubs_own_procedures_and_code_lists_are_catalogues() -> None:
    lists = CodeLists.load()
    procedures = Procedures.load(Agencies.load())
    told = catalogues.own("procedures", procedures, lists)
    assert "1.009999" in {entry["code"] for entry in told}
    states = catalogues.own("codelist.portal-states", procedures, lists)
    assert {"4", "9", "10"} <= {entry["code"] for entry in states}
    for name in ("workflow.x", "codelist.nothing", "codelist"):
        with pytest.raises(Refusal) as refused:
            catalogues.own(name, procedures, lists)
        assert refused.value.code == "HUB-CAT-002"


@pytest.mark.parametrize("name", ["", "Procedures", "codelist.", "workflow.../x", "other", "procedures.a/b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        catalogues.checked_id(name)
    assert refused.value.code == "HUB-CAT-002"


def test_the_highest_version_whose_day_has_come_counts() -> None:
    known = [version("procedures", 1, 1), version("procedures", 2, 10), version("workflow.9", 1, 1)]
    assert catalogues.in_force(known, date(2026, 11, 30)) == {}
    assert catalogues.in_force(known, date(2026, 12, 9))["procedures"].version == 1
    assert catalogues.in_force(known, date(2026, 12, 10))["procedures"].version == 2


def test_a_dossier_is_bound_to_its_own_workflow_alone() -> None:
    known = [version(id_, 1, 1) for id_ in ("procedures", "codelist.x", "workflow.1.009999", "workflow.2")]
    assert catalogues.pinned(known, date(2026, 12, 1), ("1.009999", None)) == {
        "procedures": 1,
        "codelist.x": 1,
        "workflow.1.009999": 1,
    }


def test_a_document_is_read_back_as_it_was_written() -> None:
    document = catalogues.Document(
        catalogue="procedures",
        version=2,
        effective=date(2026, 12, 1),
        published_at=NOW,
        publisher="hub",
        previous=catalogues.Previous(version=1, digest="00"),
        changes=Changes(added=("a",)),
        entries=({"code": "a"},),
    )
    raw = catalogues.to_json(document)
    assert catalogues.to_json(catalogues.from_json(raw)) == raw
