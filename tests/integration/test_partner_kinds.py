"""``lienthong partner new`` on what descriptions hold besides elements one after the other, and on samples: what is drafted is spoken at once."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from hub.drafting.draft import outlined
from hub.drafting.files import lay
from hub.wiring.drafting import laid
from hub.wiring.validating import check_partner, mapping_faults
from schemas.dossier import Applicant, Dossier, Event, Fee, Kind, Message
from schemas.mapping import load
from schemas.problems import Refusal
from tests.integration.drafting_house import AGENCY, decided, new_site
from tests.unit.test_cli_double import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from hub.drafting.draft import Laid

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
MESSAGE = Message(
    event=Event(kind=Kind.RECEIVED, at=datetime(2026, 11, 23, 1, tzinfo=UTC)),
    key="K-1",
    sender="s",
    agency="a",
    dossier=Dossier(
        code="H-1", applicant=Applicant(name="Nguyễn Văn Mẫu"), fees=(Fee(code="LP1", amount=1000),)
    ),
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return new_site(tmp_path)


def drafted(site: Path, name: str, **files: str) -> Laid:
    """Draft from the file that ``name`` is, with the others beside it; two underscores in a name are its dot. A person fills what a path holds."""
    for file, text in files.items():
        (site.parent / file.replace("__", ".")).write_text(text, "utf-8")
    made = laid(site, "so-moi", site.parent / name, AGENCY, (), NOW)
    lay(made.files, replace=True)
    left = made.partner.read_text("utf-8")
    made.partner.write_text(left.replace("{donVi}", "{key}"), "utf-8")
    assert not check_partner(site, made.partner)
    made.partner.write_text(left, "utf-8")
    assert {problem.code for _, problem in mapping_faults(site, made.partner)} == {"HUB-MAP-007"}
    decided(made.mapping)
    assert not mapping_faults(site, made.partner)
    return made


def rows(made: Laid) -> dict[str, dict[str, Any]]:
    records = tomllib.loads(made.mapping.read_text("utf-8"))["records"]
    return {row["wire"]: row for record in records.values() for row in record}


MAIN = f"""<xs:schema {XS} xmlns:c="urn:c" xmlns:m="urn:m" targetNamespace="urn:m" elementFormDefault="qualified">
  <xs:import namespace="urn:c" schemaLocation="http://so.example.vn/dich-vu.svc?xsd=xsd1"/>
  <xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="http://www.w3.org/2001/xml.xsd"/>
  <xs:include schemaLocation="kieu.xsd"/>
  <xs:element name="Gui"><xs:complexType>
    <xs:sequence>
      <xs:element name="MaHoSo" type="m:Ma"/>
      <xs:element ref="c:ThoiDiem"/>
      <xs:choice>
        <xs:element name="NguoiNop" type="xs:string"/>
        <xs:sequence><xs:element name="ToChuc" type="xs:string"/><xs:element name="MaSoThue" type="xs:string"/></xs:sequence>
      </xs:choice>
      <xs:element name="NgayHenTra" type="xs:dateTime" nillable="true"/>
      <xs:element name="LePhi" type="m:Tien" minOccurs="0" maxOccurs="unbounded"/>
      <xs:element name="GhiChu" type="xs:string" minOccurs="0" maxOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="maGiaoDich" use="required"/>
    <xs:attribute name="phienBan" type="xs:string" fixed="2.0" use="required"/>
    <xs:attribute ref="xml:lang"/>
    <xs:attribute name="Id" type="xs:ID"/>
    <xs:attribute name="cu" use="prohibited"/>
  </xs:complexType></xs:element>
</xs:schema>"""
CHAMELEON = f"""<xs:schema {XS} elementFormDefault="qualified">
  <xs:simpleType name="Chuoi"><xs:restriction base="xs:string"><xs:maxLength value="50"/></xs:restriction></xs:simpleType>
  <xs:complexType name="Ma"><xs:simpleContent><xs:extension base="Chuoi"><xs:attribute name="nguon" fixed="MC"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:attributeGroup name="ChungLoai"><xs:attribute name="ma" type="Chuoi"/></xs:attributeGroup>
  <xs:complexType name="SoTien"><xs:simpleContent><xs:extension base="xs:integer"><xs:attributeGroup ref="ChungLoai"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:complexType name="Tien"><xs:simpleContent><xs:extension base="SoTien"><xs:attribute name="donVi" type="xs:string" default="VND"/></xs:extension></xs:simpleContent></xs:complexType>
</xs:schema>"""
OTHER = f"""<xs:schema {XS} targetNamespace="urn:c"><xs:element name="ThoiDiem" type="xs:dateTime"/></xs:schema>"""


def test_attributes_choices_nil_includes_and_imports_by_address_become_rows_that_the_schema_agrees_with(
    site: Path,
) -> None:
    made = drafted(site, "gui.xsd", gui__xsd=MAIN, kieu__xsd=CHAMELEON, xsd1__xsd=OTHER)
    found = rows(made)
    assert found["@maGiaoDich"] == {"wire": "@maGiaoDich", "source": "transfer.key", "required": True}
    assert found["@phienBan"] == {"wire": "@phienBan", "constant": "2.0"}
    assert found["n1:ThoiDiem"]["at"] == "event.at"
    assert found["NgayHenTra"] == {
        "wire": "NgayHenTra", "at": "dossier.due_at", "as": "xs:dateTime", "nillable": True,
    }  # fmt: skip
    assert (found["LePhi"]["at"], found["LePhi"]["record"]) == ("dossier.fees", "lephi")
    assert "required" not in found["NguoiNop"]
    assert not {"@Id", "@cu", "GhiChu"} & found.keys()
    assert "a choice: NguoiNop | ToChuc | MaSoThue" in made.mapping.read_text("utf-8")
    text = made.mapping.read_text("utf-8")
    amount = '{ wire = "#text", keep = true },  # xs:integer'
    assert amount in text
    text = text.replace(amount, '{ wire = "#text", at = "amount", as = "digits" },  #')
    made.mapping.write_text(text.replace('"dossier.fees[].amount" = "no field"\n', ""), "utf-8")
    format_ = load(made.mapping)
    raw = format_.write("Gui", MESSAGE, "K-1")
    assert b'<LePhi ma="LP1">1000</LePhi>' in raw
    assert (
        b'<MaHoSo nguon="MC">H-1</MaHoSo><ThoiDiem xmlns="urn:c">2026-11-23T08:00:00+07:00</ThoiDiem>' in raw
    )
    assert b'maGiaoDich="K-1" phienBan="2.0"' in raw
    assert format_.natural_key(raw) == "K-1"
    assert etree.fromstring(raw).get("Id") is None


@pytest.mark.parametrize(
    ("address", "file"),
    [("http://so.example.vn/dich-vu.svc?xsd=xsd1", "khac.xsd"), ("http://so.example.vn/x/chung.xsd", "chung.xsd")],
)  # fmt: skip
def test_an_address_means_the_file_beside_it_that_has_its_name_or_its_namespace(
    site: Path, address: str, file: str
) -> None:
    (site.parent / file).write_text(OTHER, "utf-8")
    text = MAIN.replace("http://so.example.vn/dich-vu.svc?xsd=xsd1", address)
    made = drafted(site, "gui.xsd", gui__xsd=text, kieu__xsd=CHAMELEON)
    assert "n1:ThoiDiem" in rows(made)
    (site.parent / file).unlink()
    with pytest.raises(Refusal, match="HUB-CFG-003"):
        outlined(site.parent / "gui.xsd", "x")


def test_a_namespace_of_a_request_is_looked_for_in_no_folder_but_its_own(site: Path) -> None:
    (site.parent / "mo-ta").mkdir()
    (site.parent / "xsd1.xsd").write_text(OTHER, "utf-8")
    for address in ("http://so.example.vn/svc?xsd=../xsd1.xsd", "http://so.example.vn/svc?xsd=../xsd1"):
        text = MAIN.replace("http://so.example.vn/dich-vu.svc?xsd=xsd1", address)
        (site.parent / "mo-ta" / "gui.xsd").write_text(text, "utf-8")
        (site.parent / "mo-ta" / "kieu.xsd").write_text(CHAMELEON, "utf-8")
        with pytest.raises(Refusal, match="HUB-CFG-003"):
            outlined(site.parent / "mo-ta" / "gui.xsd", "x")


WHEN = "2026-11-23T08:00:00+07:00"
SAMPLES = {
    "attributes.xml": f'<Gui xmlns="urn:x" maGiaoDich="K-1"><thoiDiem>{WHEN}</thoiDiem><MaHoSo nguon="a">H-1</MaHoSo>'
    '<LePhi ma="LP1">1000</LePhi><LePhi ma="LP2">5</LePhi></Gui>',
    "namespaces.xml": f'<Gui xmlns="urn:x" xmlns:y="urn:y" y:maGiaoDich="K-1"><thoiDiem>{WHEN}</thoiDiem><MaHoSo>H-1</MaHoSo>'
    '<MaHoSo xmlns="urn:y">2</MaHoSo><NguoiNop><Ten xmlns="urn:y">A</Ten></NguoiNop></Gui>',
    "unqualified.xml": f'<x:Gui xmlns:x="urn:x"><maGiaoDich>K-1</maGiaoDich><thoiDiem>{WHEN}</thoiDiem><MaHoSo>H-1</MaHoSo><x:La>1</x:La></x:Gui>',
    "unknown.xml": f'<Gui xmlns="urn:x" maGiaoDich="K-1"><thoiDiem>{WHEN}</thoiDiem><MaHoSo>H-1</MaHoSo>'
    '<Vung ma="1"><Thua><So>1</So><So>2</So></Thua><Thua><To>3</To></Thua></Vung><Vung ma="2"/><Khac>a</Khac><Khac>b</Khac></Gui>',
    "nowhere.xml": f"<Gui><maGiaoDich>K-1</maGiaoDich><thoiDiem>{WHEN}</thoiDiem><MaHoSo>H-1</MaHoSo></Gui>",
    "list.json": f'[{{"maGiaoDich":"K-1","thoiDiem":"{WHEN}","maHoSo":"H-1","giayTo":[{{"id":"1","ten":"A"}},{{"id":"2","duongDan":"https://x.vn/1"}}]}}]',
    "numbers.json": f'{{"maGiaoDich":"K-1","thoiDiem":"{WHEN}","maHoSo":"H-1","gia":1.5,"so":[1,2]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_and_written_as_it_was_by_the_table_that_was_drafted_from_it(
    site: Path, name: str
) -> None:
    made = drafted(site, name, **{name.replace(".", "__"): SAMPLES[name]})
    operation = made.draft.operations[0]
    top = f'"{operation.lower()}" = ['
    text = made.mapping.read_text("utf-8").replace('"event.kind" = "no field"\n', "")
    assert top in text
    kind = '{ wire = "_kind", at = "event.kind", fixed = "received" },'
    made.mapping.write_text(text.replace(top, f"{top}\n  {kind}"), "utf-8")
    format_ = load(made.mapping)
    raw = SAMPLES[name].encode()
    assert format_.natural_key(raw) == "K-1"
    message = format_.read(raw, "s", "K-1", "a")
    assert message.dossier is not None
    assert (message.dossier.code, message.event.at) == ("H-1", MESSAGE.event.at)
    assert plain(format_.write(operation, message, "K-1")) == plain(raw)


def plain(raw: bytes) -> object:
    if raw[:1] != b"<":
        return json.loads(raw)
    return [(each.tag, each.text, dict(each.attrib)) for each in etree.fromstring(raw).iter("*")]


def test_members_that_only_some_of_a_list_have_are_found_and_nothing_is_refused_for_them(site: Path) -> None:
    text = '{"a":[{"x":1},{"y":{"z":true}},{"x":"1"}],"b":null,"c":[]}'
    made = drafted(site, "some.json", some__json=text)
    (file,) = [each for each in made.files if each.name == "1.json"]
    schema = json.loads(file.read_bytes())
    assert schema["properties"]["a"]["items"]["properties"] == {
        "x": {}, "y": {"type": "object", "properties": {"z": {"type": "boolean"}}},
    }  # fmt: skip
    assert (schema["properties"]["b"], schema["properties"]["c"]["items"]) == ({}, {})


# --- OpenAPI of all ages --------------------------------------------------------------------------------------------

BODY = {
    "type": "object",
    "required": ["khoa", "maHoSo", "thoiDiem", "id"],
    "properties": {
        "khoa": {"type": "string", "maxLength": 40},
        "id": {"type": "string", "readOnly": True},
        "thoiDiem": {"type": "string", "format": "date-time"},
        "maHoSo": {"$ref": "#/definitions/Ma"},
        "loai": {"type": "string", "enum": ["MOI"], "x-nullable": True},
        "soTien": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
    },
}
SWAGGER = {
    "swagger": "2.0",
    "host": "so.example.vn",
    "basePath": "/api",
    "schemes": ["http", "https"],
    "securityDefinitions": {"khoa": {"type": "apiKey", "in": "header", "name": "X-Khoa"}},
    "security": [{"khoa": []}],
    "paths": {
        "/ho-so/{donVi}": {
            "parameters": [{"name": "donVi", "in": "path", "required": True, "type": "string"}],
            "post": {
                "operationId": "guiHoSo",
                "parameters": [
                    {"name": "X-Don-Vi", "in": "header", "required": True, "type": "string"},
                    {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/HoSo"}},
                ],
                "responses": {"200": {"schema": {"type": "object", "properties": {"code": {"type": "string"}}}}},
            },
        },
        "/tep": {"post": {"consumes": ["multipart/form-data"], "parameters": [{"name": "f", "in": "formData", "type": "file"}]}},
    },
    "definitions": {"HoSo": BODY, "Ma": {"type": "string"}},
}  # fmt: skip


def modern(version: str, body: dict[str, Any]) -> dict[str, Any]:
    post = {
        "operationId": "guiHoSo",
        "requestBody": {"content": {"application/vnd.so+json": {"schema": body}}},
    }
    return {
        "openapi": version,
        "servers": [{"url": "https://{may}.example.vn/api", "variables": {"may": {"default": "so"}}}],
        "paths": {"/ho-so": {"post": post}},
        "definitions": SWAGGER["definitions"],
    }


def test_swagger_2_becomes_a_rest_partner_that_says_what_else_it_wants(site: Path) -> None:
    made = drafted(site, "s.json", s__json=json.dumps(SWAGGER))
    assert made.draft.left == {"post_tep": "no JSON body"}
    found = rows(made)
    assert (found["khoa"]["source"], found["maHoSo"]["at"], found["thoiDiem"]["as"]) == (
        "transfer.key",
        "dossier.code",
        "iso",
    )
    assert "id" not in found
    text = made.partner.read_text("utf-8")
    assert 'base_url = "https://so.example.vn/api"\n' in text
    assert "also wants: header X-Don-Vi, security apiKey header X-Khoa" in text
    assert b'"K-1"' in load(made.mapping).write("guiHoSo", MESSAGE, "K-1")


def test_what_a_path_holds_in_braces_is_the_field_of_that_name_or_left_to_a_person(site: Path) -> None:
    told = modern("3.0.3", BODY)
    told["paths"] = {"/ho-so/{maHoSo}/{khoa}/{donVi}": {"patch": told["paths"]["/ho-so"]["post"]}}
    made = drafted(site, "s.json", s__json=json.dumps(told))
    text = made.partner.read_text("utf-8")
    assert 'path = "/ho-so/{dossier}/{key}/{donVi}"\n' in text
    assert 'method = "PATCH"\n' in text
    assert [each.rule for each in check_partner(site, made.partner)] == [
        "only ['dossier', 'key', 'operation'] may stand in braces"
    ]
    made.partner.write_text(text.replace("{donVi}", "{operation}"), "utf-8")
    assert not check_partner(site, made.partner)


@pytest.mark.parametrize(
    ("version", "nothing"),
    [
        ("3.0.3", {"type": "string", "nullable": True}),
        ("3.1.0", {"type": ["string", "null"]}),
        ("3.1.0", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ("3.1.0", {"oneOf": [{"$ref": "#/definitions/Ma"}, {"type": "null"}]}),
    ],
)
def test_what_may_be_null_and_must_be_there_is_written_as_null(
    site: Path, version: str, nothing: dict[str, Any]
) -> None:
    body = {"type": "object", "required": ["ghiChu"], "properties": {**BODY["properties"], "ghiChu": nothing}}  # type: ignore[dict-item]
    made = drafted(site, "s.json", s__json=json.dumps(modern(version, body)))
    assert rows(made)["ghiChu"] == {"wire": "ghiChu", "at": "dossier.note", "nillable": True}
    assert json.loads(load(made.mapping).write("guiHoSo", MESSAGE, "K-1"))["ghiChu"] is None
    assert 'base_url = "https://so.example.vn/api"\n' in made.partner.read_text("utf-8")


def test_a_body_that_is_one_of_several_lists_the_fields_of_all_and_one_that_is_a_list_is_a_list(
    site: Path,
) -> None:
    one = {"type": "object", "required": ["khoa"], "properties": {"khoa": {"type": "string"}}}
    two = {"type": "object", "properties": {"maHoSo": {"type": "string"}, "loai": {"const": "A"}}}
    body = {"type": "array", "items": {"oneOf": [one, two]}}
    made = drafted(site, "s.json", s__json=json.dumps(modern("3.1.0", body)))
    assert rows(made)["loai"] == {"wire": "loai", "constant": "A"}
    table = tomllib.loads(made.mapping.read_text("utf-8"))
    assert (table["array"], table["natural_key"]["path"]) == (True, "/0/khoa")


def test_a_json_schema_of_an_earlier_draft_still_judges(site: Path) -> None:
    told = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://so.example.vn/ho-so",
        "type": "object",
        "required": ["khoa"],
        "properties": {
            "khoa": {"$ref": "#/definitions/khoa"},
            "gia": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
            "toaDo": {"type": "array", "items": [{"type": "number"}, {"type": "number"}]},
        },
        "definitions": {"khoa": {"type": "string", "maxLength": 20}},
    }
    made = drafted(site, "s.json", s__json=json.dumps(told))
    assert rows(made)["khoa"] == {"wire": "khoa", "source": "transfer.key", "required": True}
    format_ = load(made.mapping)
    assert json.loads(format_.write("message", MESSAGE, "K-1"))["khoa"] == "K-1"
    for wrong, place in (('{"khoa":"K","gia":0}', "/gia"), ('{"khoa":"K","toaDo":["x"]}', "/toaDo/0")):
        with pytest.raises(Refusal) as refused:
            format_.read(wrong.encode(), "s", "K", "a")
        assert place in [each.place for each in refused.value.problems]
