"""edXML of QCVN 102:2016: lenient on what comes, exact on what goes out; files inside are known by what they hold."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from schemas import zipped
from schemas.dossier import Kind, Message
from schemas.edxml_files import enclose, files
from schemas.library import Library
from schemas.mapping import load
from schemas.problems import Refusal

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "edxml"
MAPPING = load(ROOT / "schemas" / "mappings" / "edxml.qcvn102-1.toml", Library())
DOCUMENT = (GOLDEN / "document.xml").read_text("utf-8")
STATUS = (GOLDEN / "status.xml").read_text("utf-8")
ERROR = (GOLDEN / "error.xml").read_text("utf-8")
CODE = "000.00.15.H47-190412-0007"
PDF = b"%PDF-1.4\n"
DIGEST = hashlib.sha256(PDF).hexdigest()


def read(text: str) -> Message:
    return MAPPING.read(text.encode(), "axis", "K-1", "000.00.15.H47")


def refusal(text: str) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read(text)
    return refused.value


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_the_sample_document_says_what_it_says() -> None:
    message = read(DOCUMENT)
    assert message.kind is Kind.RECEIVED
    assert message.event.at == datetime(2019, 4, 12, 9, 5, tzinfo=UTC)
    assert (message.event.from_agency, message.event.to_agency) == ("000.00.15.H47", "001.00.10.H47")
    assert message.dossier is not None
    assert message.dossier.code == CODE
    assert message.dossier.due_at == datetime(2019, 4, 18, 16, 59, 59, tzinfo=UTC)  # the whole day counts
    (document,) = message.dossier.documents
    assert (document.id, document.name, document.media_type) == (
        "cid:hs-0007",
        "cong-van.pdf",
        "application/pdf",
    )
    assert (document.sha256, document.size, document.reference) == (DIGEST, len(PDF), None)
    assert MAPPING.natural_key(DOCUMENT.encode()) == "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ"
    assert PDF.hex() not in repr(message.extensions)


def test_the_sample_status_says_what_it_says() -> None:
    message = read(STATUS)
    assert message.kind is Kind.RECEIVED
    assert message.event.content == "Đã tiếp nhận"
    assert message.event.actor is not None
    assert (message.event.actor.name, message.event.actor.unit) == ("Phạm Văn Thư", "Văn thư")
    assert message.dossier is not None
    assert message.dossier.code == "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ"
    key = "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ#03#2019/04/15 08:02:11"
    assert MAPPING.natural_key(STATUS.encode()) == key


@pytest.mark.parametrize(("raw", "name"), [(DOCUMENT, "VanBan"), (STATUS, "TrangThai")])
def test_a_sample_goes_back_as_it_came_but_for_its_looks(raw: str, name: str) -> None:
    written = MAPPING.write(name, read(raw), "K-2")
    if name == "VanBan":
        written = enclose(written, {DIGEST: PDF})
    assert flat(etree.fromstring(written)) == flat(etree.fromstring(raw.encode()))
    assert etree.tostring(etree.fromstring(written), method="c14n", exclusive=True) == written


def flat(element: etree._Element) -> list[tuple[str, str]]:
    """Names and texts in order, without the blanks of a file laid out for people."""
    return [(str(each.tag), (each.text or "").strip()) for each in element.iter()]


NAMESPACE = ' xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"'
LEGAL = {
    "another prefix": [("edXML:", "e:"), ("xmlns:edXML", "xmlns:e")],
    "no prefix": [("edXML:", ""), (' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")],
    "no namespace": [("edXML:", ""), (' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"', ""), (NAMESPACE, "")],
    "another spelling of the namespace": [("TBT/QCVN_102_2016", "TBT/QCVN_102_2016/")],
    "days with dashes": [("2019/04/18", "2019-04-18")],
    "days from the other end": [("<edXML:DueDate>2019/04/18", "<edXML:DueDate>18/04/2019"), ("2019/04/12 16:05:00", "12/04/2019 16:05:00")],
    "a moment with a T": [("2019/04/12 16:05:00", "2019-04-12T16:05:00.000")],
    "no version": [('Manifest version="1.0"', "Manifest")],
    "no kind of document": [("<edXML:BussinessDocType>0</edXML:BussinessDocType>", "")],
    "broken base64 lines": [("JVBERi0xLjQK", "\n  JVBERi\r\n  0xLjQK\n")],
    "a file known by its name only": [("<ContentId>cid:hs-0007</ContentId>", "")],
    "another order": [
        ("<edXML:Subject>V/v chuyển hồ sơ 000.00.15.H47-190412-0007</edXML:Subject>", ""),
        ("<edXML:DueDate>", "<edXML:Subject>V/v chuyển hồ sơ 000.00.15.H47-190412-0007</edXML:Subject><edXML:DueDate>"),
    ],
    "something that nobody knows": [("<edXML:SteeringType>", "<edXML:Author><edXML:Id>7</edXML:Id></edXML:Author><edXML:SteeringType>")],
    "nothing but what it must have": [
        ("<edXML:DocumentType><edXML:Type>1</edXML:Type><edXML:TypeDetail>0</edXML:TypeDetail><edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType>", ""),
        ("<edXML:OtherInfo><edXML:Priority>0</edXML:Priority></edXML:OtherInfo>", ""),
        ("<edXML:SteeringType>1</edXML:SteeringType>", ""),
    ],
}  # fmt: skip


@pytest.mark.parametrize("how", LEGAL)
def test_a_legal_variation_says_the_same(how: str) -> None:
    one, other = read(DOCUMENT), read(changed(DOCUMENT, *LEGAL[how]))
    assert (other.event, other.dossier) == (one.event, one.dossier)
    written = enclose(MAPPING.write("VanBan", other, "K-2"), {DIGEST: PDF})
    assert b"<edXML:DueDate>" in written
    assert b"Author" not in written


def test_a_document_without_traces_happened_on_its_day() -> None:
    start, stop = DOCUMENT.index("   <edXML:TraceHeaderList>"), DOCUMENT.index("  </edXML:edXMLHeader>")
    message = read(DOCUMENT[:start] + DOCUMENT[stop:])
    assert message.event.at == datetime(2019, 4, 11, 17, 0, tzinfo=UTC)
    assert message.kind is Kind.RECEIVED


def test_a_document_without_an_id_is_known_by_its_number_and_day() -> None:
    start, stop = DOCUMENT.index("    <edXML:DocumentId>"), DOCUMENT.index("    <edXML:Code>")
    raw = DOCUMENT[:start] + DOCUMENT[stop:]
    assert MAPPING.natural_key(raw.encode()) == "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ"


def test_files_without_a_manifest_are_documents_all_the_same() -> None:
    start, stop = DOCUMENT.index("   <edXML:edXMLManifest"), DOCUMENT.index("  </edXML:edXMLBody>")
    message = read(DOCUMENT[:start] + DOCUMENT[stop:])
    assert message.dossier is not None
    assert [each.sha256 for each in message.dossier.documents] == [DIGEST]


@pytest.mark.parametrize(
    ("number", "reason", "kind"),
    [
        ("0", "Văn bản điện tử mới", Kind.RECEIVED),
        ("1", "Thu hồi văn bản", Kind.RECALLED),
        ("2", "Sửa nội dung", Kind.CORRECTED),
        ("3", "", Kind.CORRECTED),
        ("0", "Yêu cầu bổ sung hồ sơ", Kind.SUPPLEMENT_REQUESTED),
    ],
)
def test_the_kind_is_the_reason_where_it_is_ours_else_that_of_the_document(
    number: str, reason: str, kind: Kind
) -> None:
    raw = changed(
        DOCUMENT, ("DocType>0<", f"DocType>{number}<"), ("Reason>Văn bản điện tử mới<", f"Reason>{reason}<")
    )
    message = read(raw)
    assert message.kind is kind
    again = MAPPING.write("VanBan", message, "K-2").decode()
    assert f"<edXML:BussinessDocType>{number}</edXML:BussinessDocType>" in again
    assert (f"Reason>{reason}<" in again) == bool(reason)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("01", Kind.STEP),
        ("02", Kind.REFUSED_AT_RECEPTION),
        ("03", Kind.RECEIVED),
        ("04", Kind.STEP),
        ("05", Kind.STEP),
        ("06", Kind.FINISHED),
        ("13", Kind.RECALLED),
        ("15", Kind.STEP),
        ("16", Kind.STEP),
    ],
)
def test_each_status_is_read_and_kept(code: str, kind: Kind) -> None:
    message = read(
        changed(
            STATUS,
            (">03<", f">{code}<"),
            (">000.00.15.H47,2019/04/12,123/STNMT-ĐĐ<", f">000.00.15.H47,2019/04/12,7/{CODE}<"),
        )
    )
    assert message.kind is kind
    assert message.dossier is not None
    assert message.dossier.code == CODE  # a document that the hub wrote has the code in its number
    assert f"<edXML:StatusCode>{code}<" in MAPPING.write("TrangThai", message, "K-2").decode()


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("<edXML:Subject>V/v chuyển hồ sơ 000.00.15.H47-190412-0007", "<edXML:Subject>V/v báo cáo", "HUB-SCH-002", "Subject"),
        ("<edXML:Subject>V/v", "<edXML:Subject>000.00.15.H47-190412-0008", "HUB-SCH-002", "Subject"),
        ("<edXML:DueDate>2019/04/18", "<edXML:DueDate>2019/02/30", "HUB-SCH-007", "DueDate"),
        ("16:05:00", "16:05", "HUB-SCH-002", "Timestamp"),
        ("DocType>0<", "DocType>9<", "HUB-MAP-001", "BussinessDocReason"),
        ("JVBERi0xLjQK", "JVBERi0xLjQ!", "HUB-SCH-002", "Attachment"),
        ("<edXML:OrganId>001.00.10.H47</edXML:OrganId>", "", "HUB-SCH-003", "To"),
        ("</AttachmentEncoded>", "<Attachment><ContentId>cid:hs-0007</ContentId></Attachment></AttachmentEncoded>", "HUB-SCH-009", "Attachment"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_at_its_place(old: str, new: str, code: str, where: str) -> None:
    problem = refusal(changed(DOCUMENT, (old, new))).problems[0]
    assert (problem.code, where in problem.place, problem.line > 1) == (code, True, True), problem


@pytest.mark.parametrize(
    "how",
    [
        (),
        (("edXML:", ""), (" xmlns:edXML=", " xmlns:x=")),  # no prefix at all
        (
            ("<edXML:Timestamp>2019/04/15 08:02:11</edXML:Timestamp>", ""),
            (
                "<edXML:ErrorList>",
                (
                    "<edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>001.00.10.H47</edXML:OrganId>"
                    "<edXML:Timestamp>2019/04/15 08:02:11</edXML:Timestamp></edXML:TraceHeader></edXML:TraceHeaderList><edXML:ErrorList>"
                ),
            ),
        ),
        (("<edXML:Timestamp>", "<edXML:StatusCode>02</edXML:StatusCode><edXML:Timestamp>"),),
    ],
)
def test_what_was_wrong_with_a_document_is_told_with_code_and_words(how: tuple[tuple[str, str], ...]) -> None:
    raw = ERROR
    for old, new in how:
        assert old in raw
        raw = raw.replace(old, new)
    message = read(raw)
    assert message.kind is Kind.REFUSED_AT_RECEPTION
    assert (message.event.outcome, message.event.reason) == ("E102", "Chữ ký số không hợp lệ")
    assert message.event.at == datetime(2019, 4, 15, 1, 2, 11, tzinfo=UTC)
    assert message.dossier is not None
    assert message.dossier.code == "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ"
    assert "Thiếu phụ lục" in repr(message.extensions)
    said = "02" if "StatusCode" in raw else "ErrorList"
    key = f"000.00.15.H47,2019/04/12,123/STNMT-ĐĐ#{said}#2019/04/15 08:02:11"
    assert MAPPING.natural_key(raw.encode()) == key


@pytest.mark.parametrize("inside", ["", "<edXML:Error/>", "<edXML:Loi>x</edXML:Loi>"])
def test_an_error_that_says_nothing_is_an_error_all_the_same(inside: str) -> None:
    start, end = ERROR.index("<edXML:Error>"), ERROR.index("</edXML:ErrorList>")
    message = read(ERROR[:start] + inside + ERROR[end:])
    assert (message.kind, message.event.outcome) == (Kind.REFUSED_AT_RECEPTION, None)


def test_an_unknown_status_is_refused() -> None:
    assert refusal(changed(STATUS, (">03<", ">07<"))).code == "HUB-MAP-001"


def test_what_is_no_edxml_or_hostile_is_refused() -> None:
    assert refusal("<edXMLs/>").code == "HUB-SCH-009"
    assert refusal("<!DOCTYPE edXML [<!ENTITY a 'b'>]><edXML>&a;</edXML>").code == "HUB-SCH-006"
    assert refusal("<edXML/>").code == "HUB-SCH-003"
    assert refusal("<edXML><edXMLEnvelope>text</edXMLEnvelope></edXML>").code.startswith("HUB-SCH-")


def test_files_come_out_and_go_in_as_they_are() -> None:
    (one,) = files(DOCUMENT.encode())
    assert (one.name, one.media_type, one.content) == ("cong-van.pdf", "application/pdf", PDF)
    written = MAPPING.write("VanBan", read(DOCUMENT), "K-2")
    whole = enclose(written, {DIGEST: PDF})
    assert base64.b64encode(PDF) in whole
    assert b"Sha256" not in whole
    assert [each.content for each in files(whole)] == [PDF]
    with pytest.raises(Refusal, match="HUB-MAP-004"):
        enclose(written, {})


def zip_of(*entries: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return written.getvalue()


def carrying(content: bytes, name: str = "cong-van.pdf") -> str:
    """The sample with another content of its one file, perhaps under another name."""
    plain = base64.b64encode(PDF).decode()
    return changed(DOCUMENT, (plain, base64.b64encode(content).decode()), ("cong-van.pdf", name))


def damaged(way: int) -> bytes:
    """Pack a file another way, and spoil what is packed."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", way) as archive:
        archive.writestr("cong-van.pdf", PDF * 99)
    raw = bytearray(written.getvalue())
    raw[52:70] = b"\xff" * 18
    return bytes(raw)


def elsewhere(raw: bytes) -> bytes:
    """Say that the file's own head begins further on than anything can be."""
    entry, end = raw.rindex(b"PK\x01\x02"), raw.rindex(b"PK\x05\x06")
    far = (1).to_bytes(2, "little") + (8).to_bytes(2, "little") + b"\xff" * 8
    size = (end - entry + len(far)).to_bytes(4, "little")
    listed = raw[entry : entry + 30] + len(far).to_bytes(2, "little") + raw[entry + 32 : entry + 42]
    tail = raw[end : end + 12] + size + raw[end + 16 :]
    return raw[:entry] + listed + b"\xff" * 4 + raw[entry + 46 : end] + far + tail


def test_a_file_that_travels_as_a_zip_of_itself_is_taken_out() -> None:
    for inside in ("cong-van.pdf", "CONG-VAN.PDF", "C:\\tmp\\cong-van.pdf"):
        document = read(carrying(zip_of((inside, PDF)))).dossier
        assert document is not None
        assert [each.sha256 for each in document.documents] == [DIGEST]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (zip_of(("cong-van.pdf", PDF)), "cong-van.zip"),
        (zip_of(("word/document.xml", PDF)), "cong-van.docx"),
        (zip_of(("cong-van.pdf", PDF), ("phu-luc.pdf", PDF)), "cong-van.pdf"),
        (zip_of(("cong-van.pdf", PDF))[:-9], "cong-van.pdf"),
        (b"PK\x03\x04 and nothing else", "cong-van.pdf"),
        (damaged(zipfile.ZIP_BZIP2), "cong-van.pdf"),
        (damaged(zipfile.ZIP_LZMA), "cong-van.pdf"),
        (elsewhere(zip_of(("cong-van.pdf", PDF))), "cong-van.pdf"),
    ],
    ids=[
        "an archive",
        "an office document",
        "two files",
        "cut off",
        "no zip at all",
        "bad bzip2",
        "bad LZMA",
        "its head elsewhere",
    ],
)
def test_what_is_a_zip_in_its_own_right_stays_as_it_came(content: bytes, name: str) -> None:
    (one,) = files(carrying(content, name).encode())
    assert one.content == content


def test_a_zip_that_swells_is_refused() -> None:
    refused = refusal(carrying(zip_of(("cong-van.pdf", bytes(zipped.MOST + 1)))))
    assert refused.code == "HUB-LIM-001"
    assert refused.problems[0].rule == "at most 67108864 bytes in a ZIP"
    assert "Attachment" in refused.problems[0].place


def test_files_go_out_as_zips_of_themselves_where_the_receiver_wants_them_so() -> None:
    written = MAPPING.write("VanBan", read(DOCUMENT), "K-2")
    whole = enclose(written, {DIGEST: PDF}, pack=True)
    assert whole == enclose(written, {DIGEST: PDF}, pack=True)
    assert base64.b64encode(PDF) not in whole
    assert [(each.name, each.content) for each in files(whole)] == [("cong-van.pdf", PDF)]


def test_a_text_that_looks_like_a_file_is_no_place_for_one() -> None:
    text = '<edXML:ContentTransferEncoded Sha256="' + DIGEST + '">'
    escaped = text.replace("<", "&lt;").replace('"', "&quot;")
    message = read(changed(DOCUMENT, ("<edXML:Content>V/v", f"<edXML:Content>{escaped}")))
    assert message.event.content is not None
    assert message.event.content.startswith(text)
    whole = enclose(MAPPING.write("VanBan", message, "K-2"), {DIGEST: PDF})
    assert read(whole.decode()).event.content == message.event.content
