"""The simulated document axis takes nothing that a strict one would not, and says why."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.simulators.axis import FETCH, LIST, MARK, SEND, SENT, Axis, Habits
from connectors.simulators.axis_papers import faults, read
from connectors.simulators.desk import Call, Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

GOLDEN = Path(__file__).parents[1] / "golden" / "edxml"
DOCUMENT = (GOLDEN / "document.xml").read_text("utf-8").strip()
STATUS = (GOLDEN / "status.xml").read_text("utf-8").strip()
NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
SECRET, OWN, THEIRS = "unit-secret", "000.00.15.H47", "001.00.10.H47"
ENDS = {"from": OWN, "to": json.dumps([THEIRS]), "servicetype": "eDoc", "messagetype": "edoc"}


ASKED = {"servicetype": "eDoc", "messagetype": "edoc"}


def clock() -> datetime:
    return NOON


def axis(habits: Habits | None = None, file: Path | None = None) -> Axis:
    return Axis(Journal(file, clock), SECRET, OWN, habits, clock=clock)


def proof(signed: Mapping[str, str], secret: str = SECRET) -> dict[str, str]:
    """Sign headers as VXP's Java client does."""
    over = json.dumps({f"XroadVnpt-{name}": value for name, value in signed.items()})
    return {
        **{f"xroadvnpt-{name.lower()}": value for name, value in signed.items()},
        "xroadvnpt-sign-header": over,
        "xroadvnpt-sign-header-key": ";".join(signed),
        "xroadvnpt-hash-header": hmac.new(secret.encode(), over.encode(), "sha256").hexdigest(),
        "xroadvnpt-version": "3.0.201608",
    }


def signed(said: Mapping[str, str] = {}, body: bytes = b"") -> dict[str, str]:
    who = {"systemid": "VN:GOV:H47", "timestamp": "20112026T120000+0250"}
    return {**who, **({"hash-file": hashlib.sha256(body).hexdigest()} if body else {}), **said}


def call(name: str, headers: Mapping[str, str], body: bytes = b"") -> Call:
    kind = "application/octet-stream" if name == SEND else "application/json"
    return Call(
        method="POST", path=f"/{name}", query="", headers={"content-type": kind, **headers}, body=body
    )


def vxp(desk: Axis, name: str, said: Mapping[str, str] = {}, body: bytes = b"") -> dict[str, Any]:
    """Say it as the Java client does: in signed headers."""
    told = desk.answer(call(name, proof(signed(said, body if name == SEND else b"")), body)).body
    answer: dict[str, Any] = json.loads(told) if told.startswith(b"{") else {"file": told}
    return answer


def test_what_the_facts_show_is_right_and_read() -> None:
    assert faults(DOCUMENT.encode()) == faults(STATUS.encode()) == []
    assert read(DOCUMENT.encode()).dossier == "000.00.15.H47-190412-0007"
    assert (read(STATUS.encode()).kind, read(STATUS.encode()).to) == ("status", (OWN,))


CODE = "<edXML:Code><edXML:CodeNumber>123</edXML:CodeNumber>"


@pytest.mark.parametrize(
    ("there", "instead", "says"),
    [
        ("http://www.mic.gov.vn/TBT/QCVN_102_2016", "urn:other", "không gian tên"),
        ("<edXML:OrganId>001.00.10.H47</edXML:OrganId>", "", "To/OrganId"),
        ("<edXML:OrganName>UBND huyện Duy Xuyên</edXML:OrganName>", "", "To/OrganName"),
        ("<edXML:OrganId>001.00.10.H47<", "<edXML:OrganId>Duy Xuyên<", "To/OrganId"),
        ("2019/04/12,123", "2019/02/30,123", "DocumentId"),
        ("000.00.15.H47,2019/04/12,123", "2019/04/12,123", "DocumentId"),
        ("<edXML:PromulgationDate>2019/04/12<", "<edXML:PromulgationDate>12/04/2019<", "PromulgationDate"),
        ("<edXML:DueDate>2019/04/18<", "<edXML:DueDate>2019-04-18<", "DueDate"),
        ("2019/04/12 16:05:00", "2019/04/12T16:05:00", "Timestamp"),
        ("<edXML:Priority>0<", "<edXML:Priority>5<", "Priority"),
        ("<edXML:SteeringType>1<", "<edXML:SteeringType>0<", "SteeringType"),
        ("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>4<", "BussinessDocType"),
        ("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>3<", "ReplacementInfo"),
        (CODE, f"<edXML:Subject>x</edXML:Subject>{CODE}", "sai thứ tự"),
        ("<edXML:SteeringType>", "<edXML:Mau>1</edXML:Mau><edXML:SteeringType>", "phần lạ: Mau"),
        ("<edXML:edXMLManifest version=", "<edXML:edXMLManifest ban=", "version"),
        ("<AttachmentEncoded><Attachment><ContentId>cid:hs-0007", "<AttachmentEncoded><Attachment><ContentId>cid:x", "không có tệp"),
        ("<AttachmentName>cong-van.pdf", "<AttachmentName>khac.pdf", "AttachmentName"),
        ("JVBERi0xLjQK", "%%", "base64"),
        ("<?xml version", "<!DOCTYPE a><?xml version", "không phải XML"),
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_somewhere_is_refused_with_the_place(
    there: str, instead: str, says: str
) -> None:
    assert there in DOCUMENT
    desk, body = axis(), DOCUMENT.replace(there, instead).encode()
    told = vxp(desk, SEND, ENDS, body)
    assert (told["status"], says in told["ErrorDesc"]) == ("FAIL", True), told
    assert desk.sent("edoc") == []


@pytest.mark.parametrize(
    ("there", "instead", "says"),
    [
        ("<edXML:StatusCode>03<", "<edXML:StatusCode>07<", "StatusCode"),
        ("<edXML:Code>123/STNMT-ĐĐ<", "<edXML:Code>123<", "ResponseFor/Code"),
        ("2019/04/15 08:02:11", "2019/04/15", "Timestamp"),
        ("</edXML:edXMLHeader>", "</edXML:edXMLHeader><edXML:edXMLBody/>", "edXMLBody"),
    ],
)
def test_a_status_message_that_is_wrong_somewhere_is_refused(there: str, instead: str, says: str) -> None:
    assert there in STATUS
    assert says in faults(STATUS.replace(there, instead).encode())[0]


def test_parts_whose_order_differs_in_the_field_may_stand_in_any() -> None:
    first = "<edXML:Department>Văn thư</edXML:Department>"
    second = "<edXML:Staff>Phạm Văn Thư</edXML:Staff>"
    assert faults(STATUS.replace(first + second, second + first).encode()) == []


SIGNED = (GOLDEN / "signed-2019.xml").read_text("utf-8")
"""As documents of 2019 are signed (RSA, SHA-1, ``SignedInfo`` in inclusive C14N), made with xmlsec1."""


@pytest.mark.parametrize(
    ("there", "instead", "says"),
    [
        ("<edXML:Place>Tam Kỳ", "<edXML:Place>Hội An", "bị thay đổi"),
        ("JVBERi0xLjQK", "JVBERi0xLjQL", "bị thay đổi"),
        ('<Reference URI="">', '<Reference URI="#x">', "URI"),
        ("#rsa-sha1", "#rsa-md5", "SignatureMethod"),
        ("#enveloped-signature", "#base64", "các phép biến đổi"),
        ("<SignatureValue>", "<SignatureValue>AAAA", "chữ ký không đúng"),
        ("<X509Certificate>", "<X509Certificate>AAAA", "chứng thư"),
    ],
)
def test_a_signature_is_checked_where_there_is_one(there: str, instead: str, says: str) -> None:
    assert faults(SIGNED.encode()) == []
    assert there in SIGNED
    told = faults(SIGNED.replace(there, instead, 1).encode())
    assert (len(told), says in told[0]) == (1, True), told


GOOD = proof(signed(ENDS, DOCUMENT.encode()))
LATE = signed({**ENDS, "timestamp": "20112026T050000+0250"}, DOCUMENT.encode())


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({name: value for name, value in GOOD.items() if name != "xroadvnpt-systemid"}, "systemid"),
        ({**GOOD, "xroadvnpt-version": "3"}, "version"),
        ({**GOOD, "xroadvnpt-hash-header": "0" * 64}, "hash-header"),
        (proof(signed(ENDS, DOCUMENT.encode()), "another"), "hash-header"),
        ({**GOOD, "xroadvnpt-from": THEIRS}, "from"),
        ({**GOOD, "xroadvnpt-sign-header-key": "systemid;timestamp"}, "sign-header-key"),
        (proof(LATE), "lệch giờ"),  # UTC where Vietnam's wall time belongs
        (proof({**LATE, "timestamp": "2026-11-20T12:00:00+07:00"}), "sai dạng"),
        (proof({name: value for name, value in LATE.items() if name != "systemid"}), "systemid"),
    ],
)
def test_a_call_that_does_not_prove_itself_is_shut_out(headers: dict[str, str], says: str) -> None:
    desk = axis()
    said = desk.answer(call(SEND, headers, DOCUMENT.encode()))
    assert (said.status, says in said.body.decode()) == (401, True), said
    assert desk.journal.entries == []


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"to": THEIRS}, "danh sách JSON"),
        ({"to": json.dumps([OWN])}, "nơi nhận"),
        ({"from": "So TNMT"}, "from"),
        ({"messagetype": "status"}, "không phải status"),
        ({"messagetype": "eDoc"}, "messagetype"),
        ({"servicetype": "edoc"}, "servicetype"),
        ({"hash-file": hashlib.sha256(b"other").hexdigest()}, "SHA-256"),
    ],
)
def test_a_sending_whose_headers_are_wrong_is_refused(said: dict[str, str], says: str) -> None:
    told = vxp(axis(), SEND, {**ENDS, **said}, DOCUMENT.encode())
    assert (told["status"], says in told["ErrorDesc"]) == ("FAIL", True), told


def test_the_java_clients_hash_and_line_end_are_taken() -> None:
    short = "".join(f"{byte:x}" for byte in hashlib.sha256(DOCUMENT.encode()).digest())
    told = vxp(axis(), SEND, {**ENDS, "hash-file": short}, DOCUMENT.encode() + b"\r\n")
    assert told["ErrorCode"] == "0"


def test_each_sending_is_one_more_and_is_listed_for_each_addressee(tmp_path: Path) -> None:
    desk = axis(file=tmp_path / "journal")
    numbers = [vxp(desk, SEND, ENDS, DOCUMENT.encode())["DocId"] for _ in range(2)]
    for again in (desk, axis(file=tmp_path / "journal")):
        rows = vxp(again, SENT, ASKED)["data"]
        assert [row["senderDocId"] for row in rows] == numbers
        assert {(row["toCode"], row["notation"]) for row in rows} == {(THEIRS, "123/STNMT-ĐĐ")}
    (first, _) = desk.journal.entries
    assert (first.key, first.dossier) == (
        "000.00.15.H47,2019/04/12,123/STNMT-ĐĐ",
        "000.00.15.H47-190412-0007",
    )


@pytest.mark.parametrize("wraps", [False, True])
def test_what_lies_there_is_listed_until_it_is_acknowledged(tmp_path: Path, *, wraps: bool) -> None:
    desk = axis(Habits(wraps=wraps), tmp_path / "journal")
    number = desk.lodge(THEIRS, DOCUMENT.encode())
    assert [row["status"] for row in vxp(desk, LIST, ASKED)["data"]] == ["INITIAL"]
    told = vxp(desk, FETCH, {"docId": number})
    assert (base64.b64decode(told["data"]) if wraps else told["file"]) == DOCUMENT.encode()
    assert vxp(desk, MARK, {"docid": number, "status": "processing"})["status"] == "OK"
    assert [row["status"] for row in vxp(desk, LIST, ASKED)["data"]] == ["PROCESSING"]
    assert vxp(desk, LIST, {**ASKED, "toDate": "2026/11/19"})["data"] == []
    assert vxp(desk, LIST, {**ASKED, "fromDate": "hom qua"})["status"] == "FAIL"
    assert vxp(desk, LIST, {**ASKED, "messagetype": "status"})["data"] == []
    assert vxp(desk, MARK, {"docid": number, "status": "xong"})["status"] == "FAIL"
    assert vxp(desk, MARK, {"docid": number, "status": "fail"})["status"] == "OK"
    assert vxp(desk, LIST, ASKED)["data"] == []
    assert axis(file=tmp_path / "journal").state(number) == "FAIL"


@pytest.mark.parametrize(("insists", "taken"), [("", "both"), ("headers", "headers"), ("body", "body")])
def test_what_is_asked_stands_in_headers_or_in_the_body_as_this_axis_wants(insists: str, taken: str) -> None:
    desk = axis(Habits(insists=insists))
    by_headers = vxp(desk, LIST, ASKED)
    by_body = json.loads(desk.answer(call(LIST, proof(signed()), msgspec.json.encode(ASKED))).body)
    heard = {"headers": by_headers["status"] == "OK", "body": by_body["status"] == "OK"}
    assert heard == {"headers": taken != "body", "body": taken != "headers"}
    other = msgspec.json.encode({"servicetype": "eDoc", "messagetype": "status"})
    both = json.loads(desk.answer(call(LIST, proof(signed(ASKED)), other)).body)
    assert (both["status"] == "FAIL") == (taken == "both")


class Client:
    """A unit's program at the province's gateway."""

    def __init__(self, desk: Axis) -> None:
        self.desk, self.token = desk, ""

    def log_in(self, client: str = "key:word", grant: str = "client_credentials") -> int:
        shown = base64.b64encode(client.encode()).decode()
        headers = {"authorization": f"Basic {shown}"}
        body = f"grant_type={grant}".encode()
        said = self.desk.answer(Call(method="POST", path="/token", query="", headers=headers, body=body))
        self.token = json.loads(said.body).get("access_token", "")
        return said.status

    def ask(self, method: str, path: str, body: object = None, secret: str = SECRET) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.token}", "secretdonvi": secret}
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        where, _, query = path.partition("?")
        path = f"/truclienthong/v1.0.0/{where}"
        said = self.desk.answer(Call(method=method, path=path, query=query, headers=headers, body=raw))
        return said.status, json.loads(said.body)


def test_the_gateway_wants_a_token_and_the_interface_behind_it_the_units_secret() -> None:
    client = Client(axis(Habits(client="key:word")))
    assert client.log_in("key:other") == 401
    assert client.log_in(grant="password") == 400
    status, said = client.ask("GET", "vanbans")
    assert (status, said["fault"]["code"]) == (401, 900901)
    assert client.log_in() == 200
    assert client.ask("GET", "vanbans", secret="another")[0] == 401
    assert client.ask("GET", "vanbans") == (
        200,
        {"status": "OK", "errorCode": "0", "errorDesc": "Thành công", "data": []},
    )
    client.desk.expire()
    assert client.ask("GET", "vanbans")[0] == 401


@pytest.mark.parametrize("bare", [False, True])
def test_the_province_lists_fetches_and_marks(*, bare: bool) -> None:
    client = Client(axis(Habits(bare=bare)))
    client.log_in()
    numbers = [client.desk.lodge(THEIRS, one.encode()) for one in (DOCUMENT, STATUS)]
    _, listed = client.ask("GET", "vanbans")
    assert [(row["docId"], row["messageType"]) for row in listed["data"]] == list(
        zip(numbers, ("edoc", "status"), strict=True)
    )
    _, one = client.ask("GET", f"vanbans/{numbers[0]}")
    assert (one["data"].encode() if bare else base64.b64decode(one["data"])) == DOCUMENT.encode()
    assert client.ask("PUT", f"vanbans/{numbers[0]}", {"status": "done"})[1]["status"] == "FAIL"
    assert client.ask("PUT", f"vanbans/{numbers[0]}?status=DONE")[1]["status"] == "OK"
    assert client.ask("PUT", "vanbans/no", {"status": "DONE"})[1]["status"] == "FAIL"
    assert [client.desk.state(number) for number in numbers] == ["DONE", "INITIAL"]


@pytest.mark.parametrize("form", ["named", "a JSON text", "bare"])
def test_the_province_takes_a_document_in_base64_however_it_is_carried(form: str) -> None:
    client = Client(axis())
    client.log_in()
    text = base64.b64encode(DOCUMENT.encode()).decode()
    bodies = {"named": {"tep": text}, "a JSON text": text, "bare": text.encode()}
    _, told = client.ask("POST", "vanbans?loaiVanBan=edoc", bodies[form])
    assert told["docId"]
    assert client.desk.sent("edoc") == [DOCUMENT.encode()]
    assert client.ask("POST", "vanbans?loaiVanBan=status", bodies[form])[1]["status"] == "FAIL"
    assert client.ask("POST", "vanbans", bodies[form])[1]["status"] == "FAIL"
    wrong = {"loaiVanBan": "edoc", "tep": base64.b64encode(DOCUMENT.replace("cid:", "").encode()).decode()}
    assert client.ask("POST", "vanbans", wrong)[1]["status"] == "FAIL"
    assert client.ask("POST", "vanbans", {"loaiVanBan": "edoc", "tep": "%%"})[1]["status"] == "FAIL"


def test_units_are_registered_and_leave_by_both_interfaces(tmp_path: Path) -> None:
    desk = axis(file=tmp_path / "journal")
    client = Client(desk)
    client.log_in()
    assert client.ask("POST", "donvilienthongs", {"code": "x", "name": "X"})[1]["status"] == "FAIL"
    assert client.ask("POST", "donvilienthongs", {"code": THEIRS, "name": "Duy Xuyên"})[1]["status"] == "OK"
    assert [row["code"] for row in vxp(desk, "getAgenciesList")["data"]] == [OWN, THEIRS]
    again = axis(file=tmp_path / "journal")
    assert vxp(again, "deleteAgency", {"AgencyCode": THEIRS})["status"] == "OK"
    assert client.ask("GET", "donvilienthongs/qn")[1]["data"][1]["name"] == "Duy Xuyên"
    assert vxp(again, "deleteAgency", {"AgencyCode": THEIRS})["status"] == "FAIL"


def test_a_timestamp_a_quarter_of_an_hour_off_is_the_last_that_is_believed() -> None:
    stamps = [NOON + timedelta(hours=7, minutes=off) for off in (15, 16)]
    statuses = [
        axis()
        .answer(call("getAgenciesList", proof(signed({"timestamp": f"{one:%d%m%YT%H%M%S}+0000"}))))
        .status
        for one in stamps
    ]
    assert statuses == [200, 401]


def test_addressees_answer_each_document_with_statuses_that_are_right(tmp_path: Path) -> None:
    desk = axis(Habits(answers=("01", "03")), tmp_path / "journal")
    vxp(desk, SEND, ENDS, DOCUMENT.encode())
    said = [one.body for one in desk.box.waiting("status")]
    assert [faults(one) for one in said] == [[], []]
    assert [read(one).answers for one in said] == ["000.00.15.H47,2019/04/12,123/STNMT-ĐĐ"] * 2
    assert [b">01<" in said[0], b">03<" in said[1]] == [True, True]
    assert {one.dossier for one in desk.journal.entries} == {"000.00.15.H47-190412-0007"}
    assert len([*axis(file=tmp_path / "journal").box.waiting("status")]) == 2
