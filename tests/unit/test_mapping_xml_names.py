"""A row of an XML table may name an attribute, a text beside attributes, or an element of another namespace than its neighbours; and nil."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from schemas.dossier import from_json, to_json
from schemas.mapping import Mapping, load
from schemas.problems import Refusal
from schemas.table import leaves

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "names"
TABLE = GOLDEN / "mappings" / "mau.names-1.toml"
RAW = (GOLDEN / "GuiHoSo.xml").read_bytes()
CANONICAL = (GOLDEN / "GuiHoSo.canonical.json").read_bytes()
NATIONAL = '<Ma xmlns="urn:mau:chung">1.009994</Ma>'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.fixture(scope="module")
def format_() -> Mapping:
    return load(TABLE)


def heard(format_: Mapping, raw: bytes) -> dict[str, object]:
    key = format_.natural_key(raw)
    assert key == "MAU-0001"
    found: dict[str, object] = json.loads(to_json(format_.read(raw, "s", key, "a")))
    return found


def written(format_: Mapping, **changed: object) -> bytes:
    message = from_json(CANONICAL)
    assert message.dossier is not None
    dossier = msgspec.structs.replace(message.dossier, **changed)
    return format_.write(
        "GuiHoSo", msgspec.structs.replace(message, dossier=dossier, extensions={}), "MAU-0001"
    )


def test_the_golden_message_means_what_its_canonical_file_says_and_comes_back_whole(format_: Mapping) -> None:
    assert heard(format_, RAW) == json.loads(CANONICAL)
    assert format_.write("GuiHoSo", from_json(CANONICAL), "MAU-0001") == RAW


def test_prefixes_and_the_order_of_attributes_mean_nothing(format_: Mapping) -> None:
    raw = (
        RAW.replace(b'<Ma xmlns="urn:mau:chung">1.009994</Ma>', b"<x:Ma xmlns:x='urn:mau:chung'>1.009994</x:Ma>")
        .replace(b' Id="g-1" phienBan="1.2" c:khoa="MAU-0001"', b' c:khoa="MAU-0001" phienBan="1.2" Id="g-1"')
        .replace(b'donVi="VND" ma="LP2"', b'ma="LP2" donVi="VND"')
    )  # fmt: skip
    assert raw.count(b"x:Ma") == 2
    assert heard(format_, raw) == json.loads(CANONICAL)


def test_what_must_be_escaped_in_attributes_and_texts_comes_back(format_: Mapping) -> None:
    message = from_json(CANONICAL)
    assert message.dossier is not None
    fee = msgspec.structs.replace(message.dossier.fees[0], code='<"&\t\n>')
    raw = written(format_, fees=(fee,), summary="a < b & c")
    assert raw == etree.tostring(etree.fromstring(raw), method="c14n", exclusive=True)
    again = format_.read(raw, "s", "k", "a").dossier
    assert again is not None
    assert (again.fees[0].code, again.summary) == ('<"&\t\n>', "a < b & c")


def test_what_is_written_is_its_own_canonical_form_and_declares_a_prefix_once(format_: Mapping) -> None:
    raw = written(format_, due_at=None, applicant=None)
    assert raw == etree.tostring(etree.fromstring(raw), method="c14n", exclusive=True)
    assert raw.count(b"xmlns:c=") == 1


def test_texts_of_attributes_are_brought_to_one_form(format_: Mapping) -> None:
    raw = RAW.replace(b'"LP1"', '"e\u0302"'.encode())
    assert heard(format_, raw)["dossier"]["fees"][0]["code"] == "ê"  # type: ignore[index]


def test_what_is_absent_is_said_as_nil_and_nil_is_read_as_absent(format_: Mapping) -> None:
    raw = written(format_, due_at=None, applicant=None)
    assert f'<HenTra {XSI} xsi:nil="true"></HenTra><NguoiNop {XSI} xsi:nil="true"></NguoiNop>'.encode() in raw
    said = heard(format_, raw)["dossier"]
    assert isinstance(said, dict)
    assert not {"due_at", "applicant"} & said.keys()
    assert "extensions" not in heard(format_, raw)


def test_an_element_in_which_only_constants_would_stand_is_left_out(format_: Mapping) -> None:
    assert b"TrichYeu" not in written(format_, summary=None)
    assert b'<TrichYeu xml:lang="vi">x</TrichYeu>' in written(format_, summary="x")


@pytest.mark.parametrize(
    ("before", "after", "code", "place"),
    [
        ("truc-tuyen", "khac", "HUB-MAP-001", "/GuiHoSo/Ma/@loai"),
        ('xml:lang="vi"', 'xml:lang="en"', "HUB-SCH-002", "/GuiHoSo/TrichYeu/@xml:lang"),
        (NATIONAL, f"\n<c:Ma>{'1' * 300}</c:Ma>", "HUB-SCH-002", "/GuiHoSo/c:Ma"),
        ('c:khoa="MAU-0001"', 'khoa="MAU-0001"', "HUB-SCH-009", "/GuiHoSo"),
        ("150000", "15đ", "HUB-SCH-002", "/GuiHoSo/LePhi[1]"),
    ],
)
def test_what_is_wrong_is_told_at_its_element_or_attribute(
    format_: Mapping, before: str, after: str, code: str, place: str
) -> None:
    with pytest.raises(Refusal) as refused:
        format_.read(RAW.replace(before.encode(), after.encode()), "s", "k", "a")
    assert (code, place, 1 + after.count("\n")) in [
        (each.code, each.place, each.line) for each in refused.value.problems
    ]


def test_a_key_in_an_attribute_is_found_there_and_nowhere_else(format_: Mapping) -> None:
    assert format_.natural_key(RAW.replace(b"c:khoa", b"khoa")) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('wire = "c:Ma"', 'wire = "d:Ma"', "prefixes.d is not there"),
        ('c = "urn:mau:chung"', 'c = ""', "prefixes.c is no namespace"),
        ('c = "urn:mau:chung"', 'c = "urn:mau:chung"\n"x y" = "urn:x"', "no name for a prefix"),
        ('wire = "@ma", at = "code"', 'wire = "@ma", at = "code", nillable = true', "one single value"),
        ('wire = "@ma", at = "code"', 'wire = "ma", at = "code"', "a text stands beside attributes only"),
        ('as = "xs:dateTime", required = true', 'as = "xs:dateTime", required = true, nillable = true', "nil"),
    ],
)  # fmt: skip
def test_names_that_mean_nothing_in_xml_are_refused_with_the_row(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    site = tmp_path / "site"
    shutil.copytree(GOLDEN, site)
    file = site / "mappings" / TABLE.name
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(Refusal) as refused:
        load(file)
    assert any(said in problem.detail for problem in refused.value.problems)


KHONG = """id = "khong"
version = 1
media = "xml"
origin = "a test"
[operations]
received = ["Gui"]
[operation.Gui]
root = "Gui"
record = "gui"
schema = "xsd:khong@1"
[records]
gui = [
  { wire = "_kind", at = "event.kind", fixed = "received" },
  { wire = "Luc", at = "event.at", as = "xs:dateTime", required = true },
  { wire = "Ma", at = "dossier.code" },
]
[lost]
"""
OPEN_SCHEMA = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Gui"/></xs:schema>'


def test_a_format_in_no_namespace_at_all_is_read_and_written(tmp_path: Path) -> None:
    home = tmp_path / "xsd" / "khong" / "1"
    home.mkdir(parents=True)
    (home / "khong.xsd").write_text(OPEN_SCHEMA, "utf-8")
    listed = f'"khong.xsd" = "{hashlib.sha256(OPEN_SCHEMA.encode()).hexdigest()}"'
    (home / "SOURCE.toml").write_text(f'origin = "x"\nversion = "1"\ndate = 2026-11-23\n[files]\n{listed}\n')
    said = {"event.kind", "event.at", "dossier.code"}
    lost = "\n".join(f'"{leaf}" = "not here"' for leaf in leaves() if leaf not in said)
    (tmp_path / "mappings").mkdir()
    file = tmp_path / "mappings" / "khong-1.toml"
    file.write_text(KHONG + lost, "utf-8")
    format_ = load(file)
    raw = b"<Gui><Luc>2026-11-23T08:00:00+07:00</Luc><Ma>H1</Ma></Gui>"
    message = format_.read(raw, "s", "k", "a")
    assert message.dossier is not None
    assert message.dossier.code == "H1"
    assert format_.write("Gui", message, "k") == raw
    assert b"<Ma>&amp;</Ma>" in format_.write(
        "Gui",
        msgspec.structs.replace(message, dossier=msgspec.structs.replace(message.dossier, code="&")),
        "k",
    )
