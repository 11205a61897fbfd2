"""What the hub answers at its desks, in each client's own protocol: granted, accepted, said again, refused in every way that a client
must tell apart, asked and listed. ``answers/`` has one file per desk: the whole answer of each case.

The texts of a refusal are the catalogue's at run time; here they are fixed ones.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from connectors.catalogue import DESKS
from connectors.desks import (
    Accepted,
    Answered,
    Ask,
    Call,
    Listed,
    Look,
    Owed,
    Payee,
    Refused,
    Standing,
    Token,
    Told,
)
from connectors.small import Fetched, Lying, Seen, Settled
from connectors.soap_desk.names import NS, SOAP
from schemas.agencies import Agency, Level
from schemas.codelists import Entry
from schemas.codelists import Text as Words
from schemas.dossier import Duty, Fee, State
from schemas.procedures import Field, Procedure, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.desks import Desk, Reply, Result
    from connectors.small import Found

CODE = "000.00.15.H47-190412-0007"
AT = datetime(2019, 4, 12, 9, 30, tzinfo=UTC)
DIGEST = "9f" * 32
REQUEST = "2f6c0b0e"


def _refused(status: int, code: str, title: str, other: str, place: str = "", **more: Any) -> Refused:
    told = Told(code=code, title=title, place=place, rule="required" if place else "", line=7 if place else 0)
    said = Refused(
        status=status, problems=(told,), advice="Sửa rồi gửi lại.", request=REQUEST, retry="no", **more
    )
    in_english = replace(
        said, problems=(replace(told, title=other),), advice="Mend it and send it again.", language="en"
    )
    return replace(said, other=in_english)


RECEIPT = {
    "message": "01M",
    "digest": DIGEST,
    "accepted_at": "2019-04-12T09:30:00Z",
    "kind": "received",
    "key": "k-1",
    "dossier": "01D",
    "code": CODE,
    "transfers": [
        {"id": "01T", "partner": "so-tnmt", "operation": "TiepNhanHoSo", "state": "waiting"},
        {
            "id": "01U",
            "partner": "dvcqg",
            "operation": "DongBoHoSoMC",
            "state": "parked",
            "problem": "HUB-MAP-004",
        },
    ],
}
RESULTS: dict[str, Result] = {
    "granted": Token(token="t-1", seconds=3600),
    "accepted": Accepted(ids=("01M",), receipts=(json.dumps(RECEIPT).encode(),), confirmations=("eyJ..sig",)),
    "said again": Accepted(
        ids=("01M",), replayed=True, receipts=(json.dumps(RECEIPT).encode(),), confirmations=("",)
    ),
    "not let in": _refused(401, "HUB-AUT-001", "Chưa biết ai gọi", "Nobody is known by this"),
    "lapsed": _refused(401, "HUB-AUT-016", "Phiên không còn hiệu lực", "The session is over", "/session"),
    "to be mended": _refused(
        422, "HUB-SCH-003", "Thiếu trường bắt buộc", "A required field is missing", "/MaHoSo"
    ),
    "another under its key": _refused(
        409, "HUB-IDM-002", "Khóa đã dùng cho nội dung khác", "The key is taken"
    ),
    "too many": _refused(429, "HUB-LIM-002", "Gọi quá nhiều", "Too many calls", wait=30),
    "not now": _refused(
        503, "HUB-INT-002", "Hub chưa nhận được", "The hub cannot take it now", wait=5, fault="Server"
    ),
}
"""What came of a call that says something."""

PROCEDURE = Procedure(
    id="QNA-DD-0123",
    name=Text(vi="Đăng ký biến động", en="Registration of a change"),
    field=Field(code="G15-DD", vi="Đất đai", en="Land"),
    level=Level.PROVINCE,
    decider="000.00.15.H47",
    hours=24,
    national="1.009999",
)
LISTED = Listed(
    procedures=(PROCEDURE,),
    records=(
        b'{"MATTHC":"1.009999","TENTTHC":"\xc4\x90\xc4\x83ng k\xc3\xbd bi\xe1\xba\xbfn \xc4\x91\xe1\xbb\x99ng"}',
    ),
    agencies=(
        Agency(
            code="000.00.15.H47", level=Level.DEPARTMENT, vi="Sở Tài nguyên và Môi trường", en="Department"
        ),
    ),
    codes=(Entry(code="1", word="male", name=Words(vi="Nam", en="Male")),),
)
KNOWN = Answered(about=CODE, standing=Standing(state=State.PROCESSING))
BANK = Payee(account="118000002026", bank="01201001", holder="Sở Tài nguyên và Môi trường")
DUE = Owed(
    fees=(Fee(code="PTD", name="Phí thẩm định", kind="2", amount=150_000),),
    duties=(Duty(notice="TB-0042", item_name="Lệ phí trước bạ", amount=1_250_000),),
    procedure="1.009999",
    procedure_name="Đăng ký biến động",
    payer="Nguyễn Văn Mẫu",
    agency="000.00.15.H47",
    agency_name="Sở Tài nguyên và Môi trường",
    fees_to=BANK,
)
MAPI: dict[str, tuple[dict[str, str], Result]] = {
    "TraCuuHoSo, known": ({"service": "TraCuuHoSo", "mahoso": CODE}, KNOWN),
    "TraCuuHoSo, unknown": (
        {"service": "TraCuuHoSo", "mahoso": CODE},
        Answered(about=CODE, standing=Standing()),
    ),
    "LayThuTuc": ({"service": "LayThuTuc", "maTTHC": "1.009999"}, LISTED),
    "LayDanhSachTTHC": ({"service": "LayDanhSachTTHC"}, LISTED),
    "LayDanhMucLinhVuc": ({"service": "LayDanhMucLinhVuc"}, LISTED),
    "LayDanhMucCoQuan": ({"service": "LayDanhMucCoQuan"}, LISTED),
    "LayDanhMucGioiTinh": ({"service": "LayDanhMucGioiTinh"}, LISTED),
    "TraCuuTechID": ({"service": "TraCuuTechID"}, LISTED),
}
PORTAL: dict[str, tuple[dict[str, str], Result]] = {
    "due": ({"MaHoSo": CODE}, replace(KNOWN, owed=DUE)),
    "fees due, all to one account": ({"MaHoSo": CODE}, replace(KNOWN, owed=replace(DUE, duties=()))),
    "nothing due": ({"MaHoSo": CODE}, replace(KNOWN, owed=Owed())),
    "nobody can say": ({"MaHoSo": CODE}, KNOWN),
}
MESSAGE = {
    "id": "01M",
    "kind": "received",
    "key": "k-1",
    "digest": DIGEST,
    "dossier": "01D",
    "accepted_at": AT,
    "transfers": ["01T"],
}
TRANSFER = {
    "id": "01T",
    "message": "01M",
    "partner": "so-tnmt",
    "operation": "TiepNhanHoSo",
    "key": "k-1",
    "kind": "received",
    "code": CODE,
    "state": "delivered",
    "problem": "",
    "attempts": 1,
    "accepted_at": AT,
    "settled_at": AT,
    "deadline": None,
    "reference": "TN-1",
}
LETTER = {
    "transfer": "01T",
    "key": "k-1",
    "kind": "received",
    "operation": "message",
    "dossier": "01D",
    "deadline": AT,
    "digest": DIGEST,
    "media_type": "application/json",
    "offered_at": AT,
    "fetched_at": None,
    "fetches": 0,
}
SOAP_CALLS: dict[str, tuple[str, Found | Result]] = {
    "AskStatus": ("<Of>dossier</Of><Id>x</Id>", Seen(messages=(MESSAGE,), transfers=(TRANSFER,))),
    "FetchPending": ("", Lying(letters=(LETTER,), next="01T")),
    "GetMessage": (
        "<Transfer>01T</Transfer>",
        Fetched(
            transfer="01T",
            payload=b"{}",
            media_type="application/json",
            digest=DIGEST,
            headers={"X-Key": "k-1"},
        ),
    ),
    "Acknowledge": (
        f"<Transfer>01T</Transfer><Digest>{DIGEST}</Digest>",
        Settled(transfer="01T", key="k-1", state="delivered", received_at=AT),
    ),
}
SUBMIT = "<ContentType>application/json</ContentType><Payload>e30=</Payload>"


def answers(name: str) -> bytes:
    """Everything that one desk answers, as the golden file has it."""
    told = {case: _shown(reply) for case, reply in _replies(name, DESKS[name])}
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def _replies(name: str, desk: Desk) -> Iterator[tuple[str, Reply]]:
    if name == "soap":
        yield from _of_the_service(desk)
        return
    for case, result in RESULTS.items():
        yield case, desk.write(result)
    calls = {"mapi": ("/mapi/g", MAPI), "portal": ("/dptracuuthanhtoanhs", PORTAL)}
    path, asked = calls.get(name, ("", {}))
    for case, (said, result) in asked.items():
        wish = desk.read(Call(path=path, body=json.dumps(said).encode(), at=AT))
        assert isinstance(wish, Ask | Look)
        yield case, wish.write(result) if wish.write else desk.write(result)


def _of_the_service(desk: Desk) -> Iterator[tuple[str, Reply]]:
    for case, result in RESULTS.items():
        if not isinstance(result, Token):  # its clients show keys and tokens of /v1
            yield case, _asked(desk, "SubmitMessage", SUBMIT).write(result)
    for operation, (said, found) in SOAP_CALLS.items():
        yield operation, _asked(desk, operation, said).write(found)


def _asked(desk: Desk, operation: str, said: str) -> Any:
    body = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><{operation} xmlns="{NS}">{said}</{operation}></s:Body></s:Envelope>'
    headers = {"soapaction": f'"{NS}/{operation}"', "content-type": "text/xml; charset=utf-8"}
    return desk.read(Call(path="/v1", body=body.encode(), headers=headers))


def _shown(reply: Reply) -> dict[str, Any]:
    text = reply.body.decode()
    body = json.loads(text) if reply.media_type == "application/json" else text
    return {"status": reply.status, "media_type": reply.media_type, "body": body}
