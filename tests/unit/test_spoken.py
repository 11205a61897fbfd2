"""Every format says every state and every kind, or says why not; and what the table shows is what the writer writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.story import spoken
from hub.story.moves import MOVES, NOTES
from schemas import mapping
from schemas.dossier import Actor, Dossier, Event, Kind, Message, State
from schemas.library import BUILTIN
from schemas.problems import Refusal
from schemas.table import read_table
from tools.reference.pages import pages

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {table.ref: table for table in map(read_table, sorted((BUILTIN / "mappings").glob("*.toml")))}
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize("ref", TABLES)
def test_a_format_says_every_state_and_kind_or_says_why_not(ref: str) -> None:
    assert spoken.faults(TABLES[ref]) == ()


def test_a_state_without_a_word_and_without_a_reason_is_a_fault() -> None:
    table = TABLES["dvcqg.g1@1"]
    codes = {code: word for code, word in table.codes["state"].items() if word != "stopped"}
    cut = msgspec.structs.replace(table, codes={**table.codes, "state": codes})
    assert spoken.faults(cut) == (
        "stopped: not told, and no reason why",
        "stopped: not heard, and no reason why",
    )


def test_a_kind_without_an_operation_and_without_a_reason_is_a_fault() -> None:
    table = TABLES["dvcqg.g2@1"]
    operations = {kind: names for kind, names in table.operations.items() if kind is not Kind.APOLOGY}
    cut = msgspec.structs.replace(table, operations=operations)
    assert spoken.faults(cut) == ("apology: not told, and no reason why",)


def test_a_reason_for_what_is_said_or_for_a_way_that_is_not_gone_is_a_fault_too() -> None:
    table = TABLES["vbdlis.rest@1"]
    why = msgspec.structs.replace(
        table.states, untold={**table.states.untold, State.RETURNED: "no"}, unheard={State.DUTY: "no"}
    )
    assert spoken.faults(msgspec.structs.replace(table, states=why)) == (
        "duty: nothing is heard in this format; no reason is needed",
        "returned: told, and declared that it is not",
    )


def test_a_format_with_a_field_for_the_state_is_read_by_its_codes() -> None:
    told = {each.what: each for each in spoken.states(TABLES["dvcqg.g1@1"])}
    assert told[State.DUTY].told == ("TrangThaiHoSo = 6", "TrangThai = 6")
    assert told[State.DUTY].heard == told[State.DUTY].told


def test_a_format_that_says_what_happened_is_read_by_where_that_leads() -> None:
    told = {each.what: each for each in spoken.states(TABLES["edxml.qcvn102@1"])}
    said = {"StatusCode = 02", "BussinessDocReason = Từ chối tiếp nhận hồ sơ"}
    assert said <= set(told[State.REFUSED].heard)
    assert told[State.SUBMITTED].told == ()
    land = {each.what: each for each in spoken.states(TABLES["vbdlis.rest@1"])}
    assert land[State.RETURNED].told == ("capnhattrangthaitraketquahoso",)


def test_what_a_desk_concludes_is_told_in_its_clients_words() -> None:
    told = {each.what: each for each in spoken.states(TABLES["opencps.lgsp@1"])}
    assert told[State.FINISHED].heard == ("IsSuccess = true, Status = 2",)


def test_the_word_that_is_shown_is_the_word_that_is_written() -> None:
    said = {each.what: each.told for each in spoken.states(TABLES["dvcqg.g1@1"])}
    format_ = mapping.load(BUILTIN / "mappings" / "dvcqg.g1-1.toml")
    for state in State:
        event = Event(kind=Kind.STEP, at=AT, state=state, actor=Actor(name="Lê Văn Mẫu"))
        message = Message(
            event=event, key="k", sender="s", agency="a", dossier=Dossier(code="000.00.15.H47-260302-0001")
        )
        (written,) = json.loads(format_.write("CapNhatTienDoHoSoMC", message, "k"))
        assert f"TrangThai = {written['TrangThai']}" in said[state]


def test_a_site_mapping_may_give_its_reasons_and_a_state_that_is_none_is_refused(tmp_path: Path) -> None:
    text = (BUILTIN / "mappings" / "vbdlis.rest-1.toml").read_text("utf-8")
    file = tmp_path / "vbdlis.rest-1.toml"
    file.write_text(text.replace('stopped = "no call for it"', 'halted = "no call for it"', 1), "utf-8")
    with pytest.raises(Refusal) as refused:
        read_table(file)
    assert "halted" in refused.value.problems[0].detail


def test_the_page_has_every_move_and_every_format() -> None:
    page = pages()["legs.md"]
    for state, kind in MOVES:
        assert (f"| `{state}` | `{kind}` |" in page) is (kind not in NOTES)
    assert all(f"### {ref}\n" in page for ref in TABLES)
