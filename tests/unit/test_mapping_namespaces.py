"""Elements of an XML format may stand in several namespaces, or in none: what WCF and schemas without elementFormDefault ask for."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - fixtures are annotated

import pytest
from lxml import etree

from schemas.dossier import Dossier, Event, Kind, Message
from schemas.mapping import Mapping, load
from schemas.problems import Refusal
from schemas.table import CANONICAL, leaves

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
SCHEMA = f"""<xs:schema {XS} xmlns:b="urn:b" targetNamespace="urn:a">
  <xs:import namespace="urn:b" schemaLocation="b.xsd"/>
  <xs:element name="Gui"><xs:complexType><xs:sequence>
    <xs:element name="Khoa" type="xs:string"/>
    <xs:element name="HoSo" type="b:HoSo"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
OTHER = f"""<xs:schema {XS} targetNamespace="urn:b" elementFormDefault="qualified">
  <xs:complexType name="HoSo"><xs:sequence>
    <xs:element name="Ma" type="xs:string"/>
    <xs:element name="GhiChu" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType>
</xs:schema>"""
SAID = {"key", "dossier.code", "dossier.national_databases[]"}
TABLE = """id = "hai.so"
version = 1
media = "xml"
namespace = "urn:a"
origin = "a test"
[natural_key]
path = "/Khoa"
[operations]
step = ["Gui"]
[operation.Gui]
root = "Gui"
record = "gui"
schema = "xsd:hai.so@1"
[namespaces]
gui = ""
ho_so = "urn:b"
[records]
gui = [
  { wire = "Khoa", source = "transfer.key", required = true },
  { wire = "HoSo", at = "dossier", record = "ho_so" },
]
ho_so = [
  { wire = "Ma", at = "code", required = true },
  { wire = "GhiChu", at = "national_databases", many = true },
]
[lost]
"""


@pytest.fixture
def format_(tmp_path: Path) -> Mapping:
    home = tmp_path / "xsd" / "hai.so" / "1"
    home.mkdir(parents=True)
    listed = ""
    for name, text in {"hai.so.xsd": SCHEMA, "b.xsd": OTHER}.items():
        (home / name).write_text(text, "utf-8")
        listed += f'"{name}" = "{hashlib.sha256(text.encode()).hexdigest()}"\n'
    (home / "SOURCE.toml").write_text(f'origin = "x"\nversion = "1"\ndate = 2026-11-23\n[files]\n{listed}')
    lost = "\n".join(f'"{leaf}" = "not here"' for leaf in leaves(CANONICAL) if leaf not in SAID)
    (tmp_path / "mappings").mkdir()
    file = tmp_path / "mappings" / "hai.so-1.toml"
    file.write_text(TABLE + lost, "utf-8")
    return load(file)


def message(code: str, *notes: str) -> Message:
    event = Event(kind=Kind.STEP, at=datetime(2026, 11, 23, 5, tzinfo=UTC))
    dossier = Dossier(code=code, national_databases=notes)
    return Message(event=event, key="k", sender="s", agency="a", dossier=dossier)


def test_each_element_is_written_in_its_own_namespace_and_the_schema_agrees(format_: Mapping) -> None:
    written = format_.write("Gui", message("H1 <&>", "x", "y"), "key:1")
    names = [element.tag for element in etree.fromstring(written).iter("*")]
    assert names == ["{urn:a}Gui", "Khoa", "HoSo", "{urn:b}Ma", "{urn:b}GhiChu", "{urn:b}GhiChu"]
    assert written == etree.tostring(etree.fromstring(written), method="c14n", exclusive=True)


def test_what_stands_in_another_namespace_is_another_element(format_: Mapping) -> None:
    written = format_.write("Gui", message("H1"), "key:1")
    assert format_.natural_key(written) == "key:1"
    with pytest.raises(Refusal) as refused:
        format_.read(written.replace(b"urn:b", b"urn:c"), "s", "k", "a")
    assert refused.value.code.startswith("HUB-SCH-")


def test_a_namespace_of_a_record_that_is_not_there_is_refused(format_: Mapping, tmp_path: Path) -> None:
    assert format_.ref == "hai.so@1"
    file = tmp_path / "mappings" / "hai.so-1.toml"
    file.write_text(file.read_text("utf-8").replace("[namespaces]\n", '[namespaces]\nnobody = ""\n'), "utf-8")
    with pytest.raises(Refusal, match="HUB-MAP-003"):
        load(file)
