"""``lienthong partner new``: what describes a service becomes files in which everything is listed and a person has the last word."""

from __future__ import annotations

import json
import time
import tomllib
from datetime import date, datetime  # noqa: TC003 - pydantic reads the annotations at run time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from hub.cli.opening import checked, wired
from hub.demo.cast import EXAMPLES
from hub.drafting.draft import outlined
from hub.drafting.files import Occupied, lay
from hub.drafting.folder import WSDL, plain
from hub.drafting.wsdl import SOAP
from hub.drafting.xsd import XS
from hub.wiring.declared import declared
from hub.wiring.drafting import laid
from hub.wiring.validating import check_partner, mapping_faults
from schemas.library import BUILTIN
from schemas.problems import Refusal
from schemas.table import read_table
from tests.integration.drafting_house import AGENCY, answers_settled, decided, new_site
from tests.unit.test_cli_double import NOW, line
from tools.obtain import wsdls

if TYPE_CHECKING:
    from tests.unit.test_cli_double import Ran

LAND = BUILTIN / "wsdl" / "land" / "1" / "land.wsdl"
OPEN = {"HUB-MAP-007"}
TAKEN = "status, or any_output = true: which answers mean taken"
SPOKEN = {
    "accesscontrol", "actionengine", "analytics", "analyticsdevice", "deviceio", "devicemgmt", "display", "doorcontrol", "events",
    "hello_world_recursive", "imaging", "media", "ptz", "receiver", "replay", "search", "soap", "soap_header", "soap_import_main",
    "soap_transport_err", "stockquote", "weather",
}  # fmt: skip
UNSPOKEN = {
    "claim": ("HUB-CFG-006", "GetClaimDetails: style rpc"),
    "remotediscovery": ("HUB-CFG-003", ""),
    "http": ("HUB-CFG-003", ""),
    "test_http_post": ("HUB-CFG-003", ""),
    "recursive_schema_main": ("HUB-CFG-003", ""),
    "hello_world_recursive_import": ("HUB-CFG-003", ""),
    "bw-2": ("HUB-CFG-003", ""),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return new_site(tmp_path)


def partner(site: Path, *words: str) -> Ran:
    return line("partner", *words, "--settings", str(site), "--lang", "en", opener=wired, checker=checked)


@cache
def found_wsdls() -> dict[str, Path]:
    return {path.stem: path for path in sorted(wsdls().rglob("*.wsdl"))}


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_a_wsdl_that_others_made_becomes_files_that_are_right_once_its_open_rows_are_decided(
    site: Path, name: str
) -> None:
    made = laid(site, "so-moi", found_wsdls()[name], AGENCY, (), NOW)
    lay(made.files, replace=False)
    assert made.draft.proposed + made.draft.unknown >= 1
    assert {problem.rule for problem in check_partner(site, made.partner)} <= {TAKEN}
    answers_settled(made.partner)
    assert not check_partner(site, made.partner)
    faults = mapping_faults(site, made.partner)
    assert {problem.code for _, problem in faults} == OPEN
    assert (
        len(faults) == made.draft.proposed + made.draft.unknown + 1
    )  # and which kinds go by which operation
    assert all(file == made.mapping and problem.line > 1 for file, problem in faults)
    decided(made.mapping)
    assert not mapping_faults(site, made.partner)


def test_a_draft_gets_trial_traffic_only_until_a_person_says_otherwise(site: Path) -> None:
    made = laid(site, "so-moi", LAND, AGENCY, (), NOW)
    assert tomllib.loads(made.draft.partner)["stage"] == {"default": "trial"}


@pytest.mark.parametrize("text", ["# so\nopenapi: 3.0.3\npaths: {}\n", "---\n\"swagger\" : '2.0'\n"])
def test_a_description_in_yaml_is_told_how_it_becomes_json(site: Path, text: str) -> None:
    file = site.parent / "api.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(Refusal) as refused:
        laid(site, "so-moi", file, AGENCY, (), NOW)
    assert "yq -o json" in refused.value.problems[0].rule


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ('<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><a>1</a></S:Body></S:Envelope>', "soap"),
        (
            '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><g:a xmlns:g="http://gip.request.com/">1</g:a></S:Body></S:Envelope>',
            "gip",
        ),
        ('<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><a>1</a></edXML>', "edxml"),
        ("<DATA><HEADER><TRAN_CODE>00046</TRAN_CODE></HEADER><BODY><a>1</a></BODY></DATA>", "gip"),
        ("<a><b>1</b></a>", ""),
    ],
)  # fmt: skip
def test_a_sample_of_a_protocol_that_has_a_room_says_so(site: Path, text: str, room: str) -> None:
    file = site.parent / "mau.xml"
    file.write_text(text, "utf-8")
    told = laid(site, "so-moi", file, AGENCY, (), NOW).draft.partner
    assert [word for word in ("soap", "gip", "edxml") if f'room = "{word}"' in told] == [room] * bool(room)


def test_a_draft_is_in_use_nowhere(site: Path) -> None:
    lay(laid(site, "so-moi", LAND, AGENCY, (), NOW).files, replace=False)
    assert not declared(site).partners


@pytest.mark.parametrize("name", sorted(UNSPOKEN))
def test_a_service_that_the_hub_cannot_speak_to_is_refused_with_the_reason(site: Path, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        laid(site, "so-moi", found_wsdls()[name], AGENCY, (), NOW)
    (problem,) = refused.value.problems
    code, detail = UNSPOKEN[name]
    assert (problem.code, detail in problem.detail) == (code, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "HUB-CFG-003"),
        ("<wsdl:definitions", "HUB-SCH-001"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "HUB-SCH-006"),
        ('{"openapi": "3.1.0"}', "HUB-CFG-003"),
        ('{"swagger": "2.0", "paths": {}}', "HUB-CFG-003"),
        ('{"swagger": "2.0"}', "HUB-CFG-003"),
        ("[1]", "HUB-CFG-003"),
        (
            '{"openapi": "3.0.0", "paths": {"/a": {"post": {"requestBody": {"$ref": "http://x/y"}}}}}',
            "HUB-CFG-003",
        ),
        ("[]", "HUB-CFG-003"),
        ("{", "HUB-CFG-003"),
        (
            '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import location="/etc/passwd"/></definitions>',
            "HUB-CFG-003",
        ),
        (
            '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import location="../../x.wsdl"/></definitions>',
            "HUB-CFG-003",
        ),
        (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="A" type="b:C"/></xs:schema>',
            "HUB-CFG-003",
        ),
        (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="A" type="C"/></xs:schema>',
            "HUB-CFG-003",
        ),
    ],
)
def test_what_is_no_description_is_refused_and_nothing_is_written(site: Path, text: str, code: str) -> None:
    file = site.parent / "x.wsdl"
    file.write_text(text, "utf-8")
    ran = partner(site, "new", "so-moi", str(file), "--agency", AGENCY)
    assert ran.status == 1
    assert code in ran.err or (code == "HUB-CFG-003" and "HUB-SCH-001" in ran.err)
    assert not [*(site.parent / "partners").iterdir(), *(site.parent / "mappings").iterdir()]


def test_nothing_outside_the_descriptions_own_folder_is_read(site: Path) -> None:
    """The file beside it is a good one: only where it lies is wrong."""
    inside, outside = site.parent / "mo-ta" / "x.xsd", site.parent / "y.xsd"
    inside.parent.mkdir()
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:{0}">{1}</xs:schema>'
    )
    outside.write_text(schema.format("y", ""), "utf-8")
    gui = '<xs:element name="A"><xs:complexType><xs:sequence><xs:element name="B"/></xs:sequence></xs:complexType></xs:element>'
    for place, detail in (
        ("../y.xsd", "../y.xsd"),
        (str(outside), str(outside)),
        ("file:///etc/x.xsd", "file:///etc/x.xsd"),
    ):
        imported = f'<xs:import namespace="urn:y" schemaLocation="{place}"/>'
        inside.write_text(schema.format("x", imported + gui), "utf-8")
        with pytest.raises(Refusal) as refused:
            laid(site, "so-moi", inside, AGENCY, (), NOW)
        assert [(each.code, each.detail) for each in refused.value.problems] == [("HUB-CFG-003", detail)]
    outside.rename(inside.parent / "y.xsd")
    inside.write_text(
        schema.format("x", '<xs:import namespace="urn:y" schemaLocation="y.xsd"/>' + gui), "utf-8"
    )
    assert laid(site, "so-moi", inside, AGENCY, (), NOW).draft.operations == ("A",)


def test_a_type_that_holds_itself_ends(site: Path) -> None:
    file = site.parent / "x.xsd"
    file.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x" xmlns="urn:x">'
        '<xs:element name="Cay" type="Cay"/><xs:complexType name="Cay"><xs:sequence>'
        '<xs:element name="Ma" type="xs:string"/><xs:element name="Con" type="Cay" minOccurs="0" maxOccurs="9"/>'
        "</xs:sequence></xs:complexType></xs:schema>",
        "utf-8",
    )
    (operation,) = outlined(file, "x").operations
    assert [(each.name, each.most, each.notes) for each in operation.takes.fields] == [
        ("Ma", 1, ()),
        ("Con", 9, ("holds itself",)),
    ]


XSD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="A" type="T0"/>{0}</xs:schema>'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "wide.xsd",
            XSD.format(
                "".join(
                    f'<xs:complexType name="T{level}"><xs:sequence>'
                    + "".join(f'<xs:element name="e{each}" type="T{level + 1}"/>' for each in range(9))
                    + "</xs:sequence></xs:complexType>"
                    for level in range(9)
                )
                + '<xs:simpleType name="T9"><xs:restriction base="xs:string"/></xs:simpleType>'
            ),
        ),
        (
            "base.xsd",
            XSD.format(
                '<xs:complexType name="T0"><xs:complexContent><xs:extension base="T0"/></xs:complexContent></xs:complexType>'
            ),
        ),
        (
            "group.xsd",
            XSD.format(
                '<xs:complexType name="T0"><xs:group ref="g"/></xs:complexType>'
                '<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group>'
            ),
        ),
        (
            "wide.json",
            json.dumps(
                {
                    "$schema": "x",
                    "allOf": [{"$ref": "#/$defs/0"}],
                    "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 9} for n in range(20)}
                    | {"20": {"type": "string"}},
                }
            ),
        ),
        ("a.json", '{"openapi": "3.0.0", "paths": {"/a": {"post": {"requestBody": {"content": [1]}}}}}'),
        ("b.json", '{"$schema": "x", "type": "object", "properties": [1]}'),
    ],
)
def test_a_description_that_never_ends_or_is_none_of_its_kind_is_refused(
    site: Path, name: str, text: str
) -> None:
    file = site.parent / name
    file.write_text(text, "utf-8")
    with pytest.raises(Refusal) as refused:
        laid(site, "so-moi", file, AGENCY, (), NOW)
    assert refused.value.code == "HUB-CFG-003"


def test_an_element_that_holds_itself_by_reference_ends(site: Path) -> None:
    file = site.parent / "x.xsd"
    file.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="A"><xs:complexType><xs:sequence>'
        '<xs:element name="b" type="xs:string"/><xs:element ref="A" minOccurs="0"/>'
        "</xs:sequence></xs:complexType></xs:element></xs:schema>",
        "utf-8",
    )
    (operation,) = outlined(file, "x").operations
    ((_, last),) = [each for each in operation.takes.paths() if "holds itself" in each[1].notes]
    assert (last.name, last.fields) == ("A", ())


def test_instructions_without_an_end_are_passed_over_at_once() -> None:
    began = time.process_time()
    assert plain(b"<?a" * 60_000) == b"<?a" * 60_000
    assert time.process_time() - began < 5


def test_names_of_a_description_write_nothing_into_the_drafts(site: Path) -> None:
    file = site.parent / "x.wsdl"
    bad = "&#10;[access]&#10;operator = true&#10;#"
    inside = "<xs:complexType><xs:sequence>{0}</xs:sequence></xs:complexType></xs:element>"
    one = f'<xs:element name="k{bad}" type="xs:string"/>'
    several = "".join(one.replace('name="k', f'name="k{number}') for number in range(201))
    many = '<xs:element name="list" maxOccurs="9">' + inside.format(several)
    elements = "".join(
        f'<xs:element name="{name}">' + inside.format(held)
        for name, held in (("Send", many + one * 4), ("GetStatus", one), ("Done", one))
    )
    file.write_text(
        f'<definitions xmlns="{WSDL}" xmlns:s="{SOAP["1.1"]}" xmlns:xs="{XS}" xmlns:t="urn:t" targetNamespace="urn:t">'
        f'<types><xs:schema targetNamespace="urn:t">{elements}</xs:schema></types>'
        + "".join(
            f'<message name="{each}"><part name="p" element="t:{each}"/></message>'
            for each in ("Send", "GetStatus", "Done")
        )
        + '<portType name="P">'
        + "".join(
            f'<operation name="{each}"><input message="t:{each}"/><output message="t:Done"/></operation>'
            for each in ("Send", "GetStatus")
        )
        + '</portType><binding name="B" type="t:P"><s:binding/><operation name="Send"/><operation name="GetStatus"/></binding>'
        '<service name="S"><port name="P" binding="t:B"><s:address location="https://x.example/"/></port></service></definitions>',
        "utf-8",
    )
    made = laid(site, "so-moi", file, AGENCY, ("Send",), NOW).draft
    assert "[receives.soap.find]" in made.partner
    assert "… k200" not in made.mapping  # the first of so many are enough
    assert "… k1" in made.mapping
    for draft in (made.partner, made.mapping):
        assert "access" not in tomllib.loads(draft)


def test_what_fits_by_name_and_type_is_proposed(site: Path) -> None:
    made = laid(site, "so-moi", LAND, AGENCY, ("TiepNhanHoSo", "CapNhatHoSo"), NOW)
    lay(made.files, replace=False)
    rows = {row.wire: row for record in read_table(made.mapping).records.values() for row in record}
    assert (rows["MaGiaoDich"].source, rows["NgayHenTra"].at, rows["NgayHenTra"].as_) == (
        "transfer.key",
        "dossier.due_at",
        "xs:dateTime",
    )
    assert (rows["GiayTo"].at, rows["GiayTo"].many) == ("dossier.documents", True)
    assert rows["MaGiaoDich"].open
    assert [problem.rule for problem in check_partner(site, made.partner)] == [TAKEN]
    assert {problem.code for _, problem in mapping_faults(site, made.partner)} == OPEN


def test_a_draft_is_checked_by_a_person_and_left_out_by_the_hub(site: Path) -> None:
    ran = partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY, "--json")
    told = json.loads(ran.out)
    assert (ran.status, told["operations"], told["not_connected"]) == (0, ["CapNhatHoSo"], 1)
    mapping = Path(told["mapping_file"])
    checked_ = partner(site, "validate", told["partner_file"])
    assert checked_.status == 3
    number = next(
        n for n, text in enumerate(mapping.read_text("utf-8").splitlines(), 1) if '"TrangThaiHoSo"' in text
    )
    assert f"{mapping}:{number}\tHUB-MAP-007" in checked_.out
    assert not declared(site).partners


def test_a_yes_or_no_is_proposed_as_what_tells_whether_it_was_taken(site: Path) -> None:
    folder = site.parent / "asmx"
    folder.mkdir()
    for file in LAND.parent.glob("land.*"):
        text = file.read_text("utf-8")
        yes = text.replace('name="Ma" type="l:MaTraLoi"', 'name="DaNhan" type="xs:boolean"')
        (folder / file.name).write_text(yes, "utf-8")
    made = laid(site, "so-moi", folder / LAND.name, AGENCY, (), NOW)
    assert '# status = { code = "DaNhan", delivered = ["true", "1"] }' in made.draft.partner


def test_when_all_is_decided_the_check_says_so_and_says_what_is_left_to_do(site: Path) -> None:
    made = laid(site, "so-moi", LAND, AGENCY, (), NOW)
    lay(made.files, replace=False)
    decided(made.mapping)
    ran = partner(site, "validate", str(made.partner))
    assert (ran.status, TAKEN in ran.out) == (3, True)
    answers_settled(made.partner)
    ran = partner(site, "validate", str(made.partner))
    assert ran.status == 0, ran.out
    assert "draft = true" in ran.err
    file = made.partner
    file.write_text(file.read_text("utf-8").replace("draft = true\n", ""), "utf-8")
    assert [each.id for each in declared(site).partners] == ["so-moi"]


def test_a_mistake_beside_open_rows_is_told_with_its_line(site: Path) -> None:
    made = laid(site, "so-moi", LAND, AGENCY, (), NOW)
    lay(made.files, replace=False)
    text = made.mapping.read_text("utf-8").replace('at = "event.reason"', 'at = "event.nothing"')
    made.mapping.write_text(text, "utf-8")
    wrong = [problem for _, problem in mapping_faults(site, made.partner) if problem.code == "HUB-MAP-003"]
    number = next(n for n, each in enumerate(text.splitlines(), 1) if "event.nothing" in each)
    assert [(problem.line, "event.nothing" in problem.detail) for problem in wrong] == [(number, True)]


def test_an_unfinished_mapping_is_spoken_by_nobody_and_stops_nobody(site: Path) -> None:
    made = laid(site, "so-moi", LAND, AGENCY, (), NOW)
    lay(made.files, replace=False)
    assert made.draft.ref not in declared(site).formats
    file = made.partner
    file.write_text(file.read_text("utf-8").replace("draft = true\n", ""), "utf-8")
    with pytest.raises(Refusal) as refused:
        declared(site)
    assert [problem.place for problem in refused.value.problems] == ["so-moi.toml: receives.mapping"]


# --- nothing is lost ------------------------------------------------------------------------------------------------


def test_an_agency_that_the_registry_does_not_know_is_refused(site: Path) -> None:
    ran = partner(site, "new", "so-moi", str(LAND), "--agency", "000.00.99.H99")
    assert (ran.status, "an agency of the registry 000.00.99.H99" in ran.err) == (1, True)
    assert not list((site.parent / "partners").iterdir())


def test_nothing_is_written_over_unless_that_is_wanted(site: Path) -> None:
    assert partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY).status == 0
    before = {path: path.read_bytes() for path in site.parent.rglob("*") if path.is_file()}
    mapping = site.parent / "mappings" / "so-moi.soap-1.toml"
    mapping.write_text("# ours\n", "utf-8")
    again = partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY)
    assert again.status == 1
    assert str(mapping) in again.err
    assert mapping.read_text("utf-8") == "# ours\n"
    assert partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY, "--force").status == 0
    assert {path: path.read_bytes() for path in site.parent.rglob("*") if path.is_file()} == before


class Late(dict[Path, bytes]):
    """Somebody else makes the last file while ours are being written."""

    def items(self) -> Any:
        list(self)[-1].write_bytes(b"theirs")
        return super().items()


def test_all_files_are_there_or_none(tmp_path: Path) -> None:
    first, last = tmp_path / "one", tmp_path / "two"
    with pytest.raises(Occupied):
        lay(Late({first: b"ours", last: b"ours"}), replace=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"two": b"theirs"}
    lay({first: b"ours", last: b"ours"}, replace=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"ours", "two": b"ours"}


def test_what_was_there_comes_back_when_not_all_can_be_replaced(tmp_path: Path) -> None:
    first, last = tmp_path / "one", tmp_path / "none" / "two"
    first.write_bytes(b"before")
    (tmp_path / "none").write_bytes(b"a file where a folder should be")
    with pytest.raises(OSError, match="none"):
        lay({first: b"ours", last: b"ours"}, replace=True)
    last = tmp_path / "folder"
    last.mkdir()
    with pytest.raises(Occupied):
        lay({first: b"ours", last: b"ours"}, replace=True)
    assert first.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "none", "one"]


def test_it_is_told_what_is_missing(site: Path) -> None:
    assert partner(site, "new", "so-moi", str(LAND)).status == 2
    assert partner(site, "new", "So Moi", str(LAND), "--agency", AGENCY).status == 1
    assert partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY, "--operation", "Khong").status == 1
    site.write_text(site.read_text("utf-8").replace('mappings = "mappings"\n', ""), "utf-8")
    assert "HUB-CFG-002" in partner(site, "new", "so-moi", str(LAND), "--agency", AGENCY).err


# --- other descriptions ---------------------------------------------------------------------------------------------


class GiayTo(BaseModel):
    ten: str
    duong_dan: str | None = None


class HoSo(BaseModel):
    khoa: str
    ma_ho_so: str
    luc: datetime
    han_tra: date | None = None
    danh_sach_giay_to: list[GiayTo] = []
    mau_sac: str = ""


class Da(BaseModel):
    code: str


def openapi() -> dict[str, object]:
    app = FastAPI(servers=[{"url": "https://so.example.vn/api"}])

    @app.post("/ho-so", operation_id="guiHoSo", response_model=Da)
    def send(body: HoSo) -> Da:
        return Da(code=body.khoa)

    @app.get("/ho-so/{khoa}")
    def ask(khoa: str) -> Da:
        return Da(code=khoa)

    return app.openapi()


def test_an_openapi_document_becomes_a_rest_partner(site: Path) -> None:
    file = site.parent / "openapi.json"
    file.write_text(json.dumps(openapi()), "utf-8")
    made = laid(site, "so-moi", file, AGENCY, (), NOW)
    lay(made.files, replace=False)
    assert not check_partner(site, made.partner)
    assert {problem.code for _, problem in mapping_faults(site, made.partner)} == OPEN
    table = read_table(made.mapping)
    rows = {row.wire: row for record in table.records.values() for row in record}
    assert (rows["khoa"].source, rows["ma_ho_so"].at, rows["luc"].as_) == (
        "transfer.key",
        "dossier.code",
        "iso",
    )
    assert (rows["danh_sach_giay_to"].at, rows["danh_sach_giay_to"].many) == ("dossier.documents", True)
    assert rows["ten"].at == "name"
    assert rows["mau_sac"].at is None
    assert 'base_url = "https://so.example.vn/api"\npath = "/ho-so"\n' in made.partner.read_text("utf-8")


XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Gui"><xs:complexType><xs:all>
<xs:element name="MaHoSo" type="xs:string"/></xs:all></xs:complexType></xs:element></xs:schema>"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mau.json", '{"khoa": "K1", "ho_so": {"ma_ho_so": "H1", "gia": 1.5}, "giay_to": [{"ten": "A"}], "la": null}'),
        ("mau.xml", "<Gui xmlns='urn:x' Id='a'><MaHoSo>1</MaHoSo><La>2</La><La>3</La></Gui>"),
        ("mau.xml", "<x:Gui xmlns:x='urn:x'><MaHoSo>1</MaHoSo></x:Gui>"),
        ("mau.xml", "<Gui><MaHoSo>1</MaHoSo><Luc>2026-11-23T08:00:00+07:00</Luc></Gui>"),
        ("mau.xsd", XSD),
        ("mau.schema.json", '{"type": "object", "properties": {"ma_ho_so": {"type": "string"}, "khoa": {"type": ["string", "null"]}}}'),
    ],
)  # fmt: skip
def test_a_sample_or_a_schema_is_enough_to_begin_with(site: Path, name: str, text: str) -> None:
    file = site.parent / name
    file.write_text(text, "utf-8")
    made = laid(site, "so-moi", file, AGENCY, (), NOW)
    lay(made.files, replace=False)
    assert not check_partner(site, made.partner)
    assert {problem.code for _, problem in mapping_faults(site, made.partner)} == OPEN
    rows = {row.wire: row for record in read_table(made.mapping).records.values() for row in record}
    assert rows["ma_ho_so" if "json" in name else "MaHoSo"].at == "dossier.code"


def test_our_own_sample_is_nearly_all_connected(site: Path) -> None:
    made = laid(site, "so-moi", EXAMPLES / "messages" / "01-received.json", AGENCY, (), NOW)
    assert made.draft.proposed > 10 * made.draft.unknown
