"""Bad input is refused with its code, its line, its path and its rule; and no value of it is repeated."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from schemas.dossier import Kind
from schemas.library import Library
from schemas.mapping import mappings
from schemas.problems import Problem, Refusal
from schemas.strict_json import json_lines, parse_json
from schemas.strict_xml import element_path, parse_xml
from schemas.text import Limits
from schemas.validation import validate

ROOT = Path(__file__).resolve().parents[2]
LOADED = mappings(ROOT / "schemas" / "mappings")
MOTCUA, LAND, PORTAL = (LOADED[ref] for ref in ("motcua.rest@1", "land.soap@1", "dvcqg.g1@1"))
EXAMPLE = (ROOT / "examples" / "messages" / "01-received.json").read_bytes()
LAND_XML = (ROOT / "tests" / "golden" / "full" / "land.soap@1.TiepNhanHoSo.xml").read_bytes()


def refused(raw: bytes, mapping: Any = MOTCUA) -> tuple[Problem, ...]:
    with pytest.raises(Refusal) as caught:
        mapping.read(raw, "motcua-tinh", "KEY-1", "000.00.00.H47")
    return caught.value.problems


def changed(**fields: Any) -> bytes:
    message = json.loads(EXAMPLE)
    for path, value in fields.items():
        *way, last = path.split("__")
        node = message
        for step in way:
            node = node[int(step)] if step.isdigit() else node[step]
        if value is None:
            del node[last]
        else:
            node[int(last) if last.isdigit() else last] = value
    return json.dumps(message, ensure_ascii=False, indent=1).encode()


def line_of(raw: bytes, text: str) -> int:
    return raw.decode()[: raw.decode().index(text)].count("\n") + 1


# --- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (b"", "HUB-SCH-001", 1),
        (b'{\n\n  "a": }', "HUB-SCH-001", 3),
        (EXAMPLE[:-40], "HUB-SCH-001", EXAMPLE[:-40].count(b"\n") + 1),
        (b'{"a": NaN}', "HUB-SCH-001", 0),
        (b'{"a": 1} {"b": 2}', "HUB-SCH-001", 1),
        (b"<html><body>502</body></html>", "HUB-SCH-001", 1),
        (b'{"a":\n"\xff\xfe"}', "HUB-SCH-008", 2),
        (EXAMPLE.decode().encode("utf-16"), "HUB-SCH-008", 1),
        (b"\xef\xbb\xbf" + EXAMPLE, "HUB-SCH-008", 1),
        (b"[" * 100_000 + b"]" * 100_000, "HUB-SCH-012", 0),
        (b"[" * 70 + b"]" * 70, "HUB-SCH-012", 0),
        (b'{"a":\n"x\\u0001"}', "HUB-SCH-002", 2),
        (b'{"a":\n"x\\ud800"}', "HUB-SCH-002", 2),
        (b'{"a": 123456789012345678901234567890}', "HUB-SCH-002", 0),
        (b'{"a": ' + b"9" * 5000 + b"}", "HUB-SCH-002", 0),
        (b'{"a": 1e999}', "HUB-SCH-002", 0),
        (b'{"a": 0.12345678901234567890123}', "HUB-SCH-002", 0),
    ],
)
def test_json_that_is_not_one_clean_text_is_refused(raw: bytes, code: str, line: int) -> None:
    problems = refused(raw)
    assert (problems[0].code, problems[0].line) == (code, line)


def test_a_key_that_stands_twice_is_refused_where_it_repeats() -> None:
    raw = b'{"a": 1,\n "b": [{"c": 1},\n {"c": 1, "d": {},\n "\\u0063": 2}],\n "a": 3}'
    with pytest.raises(Refusal) as caught:
        parse_json(raw)
    found = [(p.code, p.place, p.line) for p in caught.value.problems]
    assert found == [("HUB-SCH-005", "/b/1/c", 4), ("HUB-SCH-005", "/a", 5)]


def test_lines_are_known_for_every_value() -> None:
    text = '{"a":\n {"b": [\n1,\n"x\\"]",\n{"c/d": null}]},\n"e": "}"}'
    assert json_lines(text) == {
        "": 1,
        "/a": 2,
        "/a/b": 2,
        "/a/b/0": 3,
        "/a/b/1": 4,
        "/a/b/2": 5,
        "/a/b/2/c~1d": 5,
        "/e": 6,
    }


@pytest.mark.parametrize(
    ("change", "code", "place", "rule"),
    [
        ({"HoSo__NgayHenTra": "20260230080000"}, "HUB-SCH-007", "/HoSo/NgayHenTra", "yyyyMMddHHmmss"),
        ({"HoSo__NgayHenTra": "20261120250000"}, "HUB-SCH-007", "/HoSo/NgayHenTra", "yyyyMMddHHmmss"),
        ({"HoSo__NgayHenTra": "00010101000000"}, "HUB-SCH-007", "/HoSo/NgayHenTra", "yyyyMMddHHmmss"),
        ({"HoSo__NgayHenTra": "2026-11-20"}, "HUB-SCH-002", "/HoSo/NgayHenTra", "pattern"),
        (
            {"HoSo__DanhSachLePhi__0__NgayNop": "20261131000000"},
            "HUB-SCH-007",
            "/HoSo/DanhSachLePhi/0/NgayNop",
            "yyyy",
        ),
        ({"HoSo__DanhSachLePhi__0__Gia": "150.000"}, "HUB-SCH-002", "/HoSo/DanhSachLePhi/0/Gia", "pattern"),
        ({"HoSo__KenhThucHien": "7"}, "HUB-MAP-001", "/HoSo/KenhThucHien", "codes.channel"),
        ({"LoaiSuKien": "BAY_LEN_TROI"}, "HUB-MAP-001", "/LoaiSuKien", "codes.kind"),
        ({"HoSo__MaHoSo": None}, "HUB-SCH-003", "/HoSo/MaHoSo", "required"),
        ({"HoSo__MaHoSo": ""}, "HUB-SCH-002", "/HoSo/MaHoSo", "minLength"),
        ({"HoSo": None}, "HUB-SCH-003", "/dossier", "a dossier"),
        ({"ThoiDiem": None}, "HUB-SCH-003", "/ThoiDiem", "required"),
        ({"SoThuTu": "1"}, "HUB-SCH-002", "/SoThuTu", "type"),
        ({"SoThuTu": -1}, "HUB-SCH-002", "/SoThuTu", "minimum"),
        ({"HoSo__TrichYeuHoSo": "x" * 5_000_000}, "HUB-SCH-002", "/HoSo/TrichYeuHoSo", "maxLength"),
        ({"HoSo__TaiLieuNop": "none"}, "HUB-SCH-002", "/HoSo/TaiLieuNop", "type"),
        ({"HoSo__TaiLieuNop__0": ["x"]}, "HUB-SCH-002", "/HoSo/TaiLieuNop/0", "type"),
        ({"HoSo__TaiLieuNop__1__MaBam": "abc"}, "HUB-SCH-002", "/HoSo/TaiLieuNop/1/MaBam", "pattern"),
        ({"HoSo__SoBienNhan": "a\u0007b"}, "HUB-SCH-002", "/HoSo/SoBienNhan", "no control characters"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(
    change: dict[str, Any], code: str, place: str, rule: str
) -> None:
    raw = changed(**change)
    problem = refused(raw)[0]
    assert (problem.code, problem.place) == (code, place)
    assert rule in problem.rule
    name = place.rsplit("/", 1)[-1]
    if f'"{name}"' in raw.decode():
        assert problem.line == line_of(raw, f'"{name}"') or name.isdigit() or "/1/" in place


def test_all_that_is_wrong_is_told_at_once_and_never_more_than_fifty() -> None:
    problems = refused(
        changed(HoSo__NgayHenTra="20260230080000", HoSo__KenhThucHien="7", HoSo__LoaiDoiTuong="9")
    )
    assert {problem.code for problem in problems} == {"HUB-SCH-007", "HUB-MAP-001"}
    assert len(problems) == 3
    papers = [{"TepDinhKemId": str(number), "KichThuoc": "big"} for number in range(200)]
    assert len(refused(changed(HoSo__TaiLieuNop=papers))) == 50


@pytest.mark.parametrize(
    "field", ["HoSo__KenhThucHien", "HoSo__NgayHenTra", "LoaiSuKien", "SoThuTu", "HoSo__TaiLieuNop"]
)
def test_no_problem_repeats_a_value(field: str) -> None:
    secret = "NGUYEN-VAN-BI-MAT"
    problems = refused(changed(**{field: secret}))
    assert all(secret not in str(problem) for problem in problems)


def test_names_in_nfd_arrive_in_nfc() -> None:
    raw = changed(HoSo__ChuHoSo=unicodedata.normalize("NFD", "Nguyễn Thị Ước"))
    message = MOTCUA.read(raw, "s", "k", "a")
    assert message.dossier is not None
    assert message.dossier.applicant is not None
    assert message.dossier.applicant.name == "Nguyễn Thị Ước"
    escaped = json.dumps(json.loads(raw)).encode()
    assert MOTCUA.read(escaped, "s", "k", "a") == message


def test_a_message_without_a_dossier_needs_a_kind_that_has_none() -> None:
    raw = json.dumps(
        {
            "MaThongDiep": "M1",
            "LoaiSuKien": "CONG_BO_DANH_MUC",
            "ThoiDiem": "20261120080000",
            "ChuDe": "TTHC-2026-11",
        }
    ).encode()
    message = MOTCUA.read(raw, "s", "M1", "a")
    assert (message.kind, message.subject, message.dossier) == (
        Kind.CATALOGUE_PUBLISHED,
        "TTHC-2026-11",
        None,
    )


# --- XML ------------------------------------------------------------------------------------------------------------

BOMB = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (BOMB, "HUB-SCH-006"),
        (b'<?xml version="1.0"?><!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>', "HUB-SCH-006"),
        (b"<l><?php x ?></l>", "HUB-SCH-006"),
        (b'<?xml-stylesheet href="x"?><l/>', "HUB-SCH-006"),
        (b'<?xml version="1.0" encoding="windows-1258"?><l/>', "HUB-SCH-008"),
        ('<?xml version="1.0" encoding="UTF-16"?><l/>'.encode("utf-16"), "HUB-SCH-008"),
        (b"<l>\xff</l>", "HUB-SCH-008"),
        (b"<l>", "HUB-SCH-001"),
        (b"", "HUB-SCH-001"),
        (b"<l>\x01</l>", "HUB-SCH-001"),
        (b"<l>&#1;</l>", "HUB-SCH-001"),
        (b"<l>&unknown;</l>", "HUB-SCH-001"),
        (b"{}", "HUB-SCH-001"),
        (b"<l>" * 400 + b"</l>" * 400, "HUB-SCH-012"),
        (b"<l>" + b"<m/>" * 100_000 + b"</l>", "HUB-SCH-012"),
        (b"<l " + b" ".join(b'a%d="1"' % n for n in range(40)) + b"/>", "HUB-SCH-012"),
        (b"<l " + b" ".join(b'xmlns:a%d="u:1"' % n for n in range(40)) + b"/>", "HUB-SCH-012"),
    ],
)
def test_xml_that_could_hurt_is_refused_before_a_tree_is_built(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_xml(raw)
    assert caught.value.code == code


def test_the_caps_hold_at_their_edges() -> None:
    limits = Limits(size=1000, depth=4, elements=6, attributes=2)
    assert parse_xml(b"<a><b><c><d/></c></b></a>", limits).tag == "a"
    for raw in (
        b"<a><b><c><d><e/></d></c></b></a>",
        b"<a><b/><b/><b/><b/><b/><b/></a>",
        b'<a x="1" y="2" z="3"/>',
        b"<a>" + b"x" * 1000 + b"</a>",
    ):
        with pytest.raises(Refusal, match="HUB-SCH-012"):
            parse_xml(raw, limits)


@pytest.mark.parametrize(
    "raw",
    [
        BOMB,
        LAND_XML.replace(b"<GhiChu>", b"<?x y?><GhiChu>"),
        b"<!DOCTYPE x>" + LAND_XML,
        LAND_XML.replace(b"<GhiChu>", b"<GhiChu " + b" ".join(b'a%d="1"' % n for n in range(40)) + b">"),
        b"<a>" * 300 + b"</a>" * 300,
        LAND_XML + b" " * (33 * 1024 * 1024),
    ],
    ids=["bomb", "instruction", "doctype", "attributes", "depth", "size"],
)
def test_a_mapping_refuses_hostile_xml_too(raw: bytes) -> None:
    assert refused(raw, LAND)[0].code in {"HUB-SCH-006", "HUB-SCH-012"}


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        (
            b"<NgayTiepNhan>2026-11-12T",
            b"<NgayTiepNhan>2026-02-30T",
            "HUB-SCH-007",
            "/TiepNhanHoSo/NgayTiepNhan",
        ),
        (
            b"<NgayTiepNhan>2026-11-12T",
            b"<NgayTiepNhan>12/11/2026T",
            "HUB-SCH-002",
            "/TiepNhanHoSo/NgayTiepNhan",
        ),
        (b"<SoThuTu>2<", b"<SoThuTu>two<", "HUB-SCH-002", "/TiepNhanHoSo/SoThuTu"),
        (
            b"<KenhTiepNhan>TRUC_TIEP<",
            b"<KenhTiepNhan>CHIM_CAU<",
            "HUB-MAP-001",
            "/TiepNhanHoSo/KenhTiepNhan",
        ),
        (b"<SoBienNhan>SoBienNhan 7</SoBienNhan>", b"", "HUB-SCH-004", "/TiepNhanHoSo/MaHoSoMotCua"),
        (b"<GhiChu>", b"<La/><GhiChu>", "HUB-SCH-004", "/TiepNhanHoSo/La"),
        (b"<So>So 23</So>", b"", "HUB-SCH-003", "/TiepNhanHoSo/ThongTinNguoiNopDon/GiayToTuyThan[2]"),
        (
            b"<MaBam>",
            b"<MaBam>x",
            "HUB-SCH-002",
            "/TiepNhanHoSo/DanhSachGiayToDinhKem/GiayTo[1]/TapTin/MaBam",
        ),
    ],
)
def test_xml_problems_name_the_prefixed_path(old: bytes, new: bytes, code: str, place: str) -> None:
    assert old in LAND_XML
    raw = LAND_XML.replace(old, new, 1).replace(b"><", b">\n<")
    problem = refused(raw, LAND)[0]
    assert (problem.code, problem.place) == (code, place)
    assert problem.line > 1
    assert problem.rule


def test_a_path_carries_prefixes_and_positions() -> None:
    root = parse_xml(b'<a:r xmlns:a="u:a"><a:x/><b xmlns="u:b"/><a:x><c/></a:x></a:r>')
    assert element_path(root[2][0]) == "/a:r/a:x[2]/c"


def test_an_operation_that_nobody_knows_is_refused() -> None:
    assert refused(b"<Khac xmlns='urn:lienthong:example:land:1'/>", LAND)[0].code == "HUB-SCH-009"


HOSTILE = "<b>&amp;]]>\r\n\t\"'\u202e\u200f👩‍👩‍👧𠀀 Ước"


def test_hostile_text_goes_into_xml_and_comes_out_the_same() -> None:
    message = MOTCUA.read(changed(HoSo__ChuHoSo=HOSTILE), "s", "k", "a")
    raw = LAND.write("TiepNhanHoSo", message, "T-1")
    assert raw == etree.tostring(etree.fromstring(raw), method="c14n", exclusive=True)
    heard = LAND.read(raw, "s", "T-1", "a")
    assert heard.dossier is not None
    assert heard.dossier.applicant is not None
    assert heard.dossier.applicant.name == HOSTILE
    (record,) = json.loads(PORTAL.write("DongBoHoSoMC", message, "T-1"))
    assert record["ChuHoSo"] == HOSTILE


@pytest.mark.parametrize("one", ["&", "<", ">", "\r"])
def test_each_mark_alone_is_escaped(one: str) -> None:
    raw = LAND.write("TiepNhanHoSo", MOTCUA.read(changed(HoSo__ChuHoSo=f"a{one}b"), "s", "k", "a"), "T-1")
    assert raw == etree.tostring(etree.fromstring(raw), method="c14n", exclusive=True)


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Ước"), "U&#x31B;o&#x31B;&#x301;c"])
def test_xml_texts_in_nfd_arrive_in_nfc(name: str) -> None:
    raw = LAND_XML.replace(b"HoTen 18", name.encode())
    dossier = LAND.read(raw, "s", "k", "a").dossier
    assert dossier is not None
    assert dossier.applicant is not None
    assert dossier.applicant.name == "Ước"


def test_a_number_over_63_bits_is_refused_in_text_too() -> None:
    assert refused(changed(HoSo__DanhSachLePhi__0__Gia=str(2**63)))[0].place == "/HoSo/DanhSachLePhi/0/Gia"
    assert MOTCUA.read(changed(HoSo__DanhSachLePhi__0__Gia=str(2**63 - 1)), "s", "k", "a")


def test_what_is_there_but_empty_comes_back_empty() -> None:
    raw = changed(
        DienBien={},
        HoSo__TaiLieuNop=[],
        HoSo__GhiChu="",
        HoSo__HoSoCon=[],
        HoSo__DanhSachLePhi=[{}, {"x": 1}],
    )
    assert json.loads(MOTCUA.write("ThongDiep", MOTCUA.read(raw, "s", "k", "a"), "k")) == {
        **json.loads(raw),
        "MaThongDiep": "k",
    }


def test_comments_do_not_cut_a_text_in_two() -> None:
    raw = LAND_XML.replace(b"<HoTen>HoTen 18</HoTen>", b"<HoTen>Ho<!-- x -->Ten <![CDATA[18]]></HoTen>")
    message = LAND.read(raw, "s", "MC-000.00.15.H47-261120-0001-0001", "a")
    assert message == LAND.read(LAND_XML, "s", "MC-000.00.15.H47-261120-0001-0001", "a")


def test_a_seal_is_not_part_of_the_words() -> None:
    seal = b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>'
    raw = LAND_XML.replace(b"</TiepNhanHoSo>", seal + b"</TiepNhanHoSo>")
    message = LAND.read(raw, "s", "KEY-1", "a")
    assert message == LAND.read(LAND_XML, "s", "KEY-1", "a")
    identified = LAND_XML.replace(b"<TiepNhanHoSo ", b'<TiepNhanHoSo Id="body" ', 1)
    again = LAND.write("TiepNhanHoSo", LAND.read(identified, "s", "KEY-1", "a"), "KEY-1")
    assert b'Id="body"' in again
    assert again == etree.tostring(etree.fromstring(again), method="c14n", exclusive=True)


# --- writing --------------------------------------------------------------------------------------------------------


def unsaid(operation: str, mapping: Any, **fields: Any) -> tuple[Problem, ...]:
    message = MOTCUA.read(changed(**fields), "s", "k", "a")
    with pytest.raises(Refusal) as caught:
        mapping.write(operation, message, "T-1")
    return caught.value.problems


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ({"HoSo__MaTTHC": None}, "HUB-MAP-002", "/0/MaTTHC"),
        ({"HoSo__TrichYeuHoSo": None}, "HUB-MAP-004", "/0/TrichYeuHoSo"),
        ({"HoSo__HinhThuc": None}, "HUB-MAP-004", "/0/HinhThuc"),
    ],
)
def test_what_the_portal_must_have_is_not_made_up(fields: dict[str, Any], code: str, place: str) -> None:
    problem = unsaid("DongBoHoSoMC", PORTAL, **fields)[0]
    assert (problem.code, problem.place) == (code, place)


def test_a_kind_without_a_code_at_the_recipient_parks() -> None:
    message = MOTCUA.read(EXAMPLE, "s", "k", "a")
    with pytest.raises(Refusal) as caught:
        LAND.write("CapNhatHoSo", message, "T-1")
    assert caught.value.code == "HUB-MAP-002"


def test_a_payload_that_breaks_the_recipients_schema_parks() -> None:
    message = LAND.read(LAND_XML, "s", "KEY-1", "a")
    spoiled = msgspec.structs.replace(message, extensions={"land.soap": {"TiepNhanHoSo": {"SoThuTu": "two"}}})
    with pytest.raises(Refusal) as caught:
        LAND.write("TiepNhanHoSo", spoiled, "T-1")
    (problem,) = caught.value.problems
    assert (problem.code, problem.place, problem.detail) == (
        "HUB-MAP-004",
        "/TiepNhanHoSo/SoThuTu",
        "HUB-SCH-002",
    )


def test_the_portal_gets_texts_only_and_an_empty_text_for_nothing() -> None:
    (record,) = json.loads(PORTAL.write("DongBoHoSoMC", MOTCUA.read(EXAMPLE, "s", "k", "a"), "T-1"))
    assert record["NgayTra"] == ""
    assert record["DanhSachGiayToKetQua"] == []
    assert record["NgayTiepNhan"] == "20261120080000"
    assert record["TaiLieuNop"][0]["IsDeleted"] == "False"
    assert record["SoGiayToChuHoSo"] == "049000000001"

    def leaves(node: Any) -> list[Any]:
        if isinstance(node, list | dict):
            return [
                leaf
                for child in (node.values() if isinstance(node, dict) else node)
                for leaf in leaves(child)
            ]
        return [node]

    assert all(isinstance(leaf, str) for leaf in leaves(record))


def test_a_long_summary_is_cut_for_the_portal_and_whole_for_the_department() -> None:
    message = MOTCUA.read(changed(HoSo__TrichYeuHoSo="đ" * 1500), "s", "k", "a")
    (record,) = json.loads(PORTAL.write("DongBoHoSoMC", message, "T-1"))
    assert record["TrichYeuHoSo"] == "đ" * 1000
    assert "đ" * 1500 in LAND.write("TiepNhanHoSo", message, "T-1").decode()


def test_a_passport_is_left_out_where_the_portal_has_no_code_for_it() -> None:
    both = [
        {"LoaiDinhDanh": "3", "SoDinhDanh": "C1234567"},
        {"LoaiDinhDanh": "1", "SoDinhDanh": "049000000001"},
    ]
    message = MOTCUA.read(changed(HoSo__DinhDanhCHS=both, HoSo__SoGiayToChuHoSo="C1234567"), "s", "k", "a")
    (record,) = json.loads(PORTAL.write("DongBoHoSoMC", message, "T-1"))
    assert record["DinhDanhCHS"] == [{"LoaiDinhDanh": "1", "SoDinhDanh": "049000000001"}]
    assert record["SoGiayToChuHoSo"] == "C1234567"


def test_a_transfer_carries_its_own_key_and_the_senders_stays_known() -> None:
    message = MOTCUA.read(EXAMPLE, "motcua-tinh", "IDEMPOTENCY-1", "000.00.00.H47")
    assert json.loads(MOTCUA.write("ThongDiep", message, "T-9"))["MaThongDiep"] == "T-9"
    assert message.extensions["motcua.rest"]["ThongDiep"]["MaThongDiep"] == json.loads(EXAMPLE)["MaThongDiep"]
    assert b"<MaGiaoDich>T-9</MaGiaoDich>" in LAND.write("TiepNhanHoSo", message, "T-9")


def test_the_natural_key_is_found_or_none() -> None:
    assert MOTCUA.natural_key(EXAMPLE) == "MC-000.00.15.H47-261120-0001-0001"
    assert LAND.natural_key(LAND_XML) == "MC-000.00.15.H47-261120-0001-0001"
    portal = PORTAL.write("DongBoHoSoMC", MOTCUA.read(EXAMPLE, "s", "k", "a"), "T-1")
    assert str(PORTAL.natural_key(portal)).startswith("000.00.15.H47-261120-0001#")
    assert MOTCUA.natural_key(b"{") is None
    assert MOTCUA.natural_key(b'{"MaThongDiep": 5}') is None


# --- the canonical words as a format --------------------------------------------------------------------------------


def test_the_hub_believes_its_own_knowledge_of_the_sender_not_the_bytes() -> None:
    canonical = LOADED["lienthong.message@1"]
    raw = canonical.write("message", MOTCUA.read(EXAMPLE, "motcua-tinh", "k", "000.00.00.H47"), "k")
    message = canonical.read(
        raw.replace(b'"motcua-tinh"', b'"someone-else"'), "motcua-tinh", "k", "000.00.00.H47"
    )
    assert message.sender == "motcua-tinh"


def test_wrong_canonical_json_is_refused_with_place_and_line() -> None:
    canonical = LOADED["lienthong.message@1"]
    raw = b'{"event": {"kind": "received",\n "at": "2026-02-30T00:00:00Z"},\n "dossier": {"code": "x"}}'
    assert [(p.code, p.place, p.line) for p in refused(raw, canonical)] == [("HUB-SCH-007", "/event/at", 2)]
    raw = b'{"event": {"kind": "received", "at": "2026-02-20T00:00:00Z"},\n "dossier": {"code": "x",\n "colour": "red"}}'
    assert [(p.code, p.place, p.line) for p in refused(raw, canonical)] == [
        ("HUB-SCH-004", "/dossier/colour", 3)
    ]


def test_validate_gives_problems_and_never_raises() -> None:
    schema = Library().schema("xsd:land@1")
    assert validate(LAND_XML, schema) == ()
    assert validate(BOMB, schema)[0].code == "HUB-SCH-006"
    assert validate(b"{", Library().schema("json:motcua.rest@1"))[0].code == "HUB-SCH-001"
    assert validate(EXAMPLE, Library().schema("json:motcua.rest@1")) == ()
