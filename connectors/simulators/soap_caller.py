"""A department whose software calls SOAP services, with a client made from the hub's published WSDL: it opens a dossier, asks, goes on, brings the result.

What it says is in the hub's own words, in ``Payload``; its key for each thing is the dossier and the thing. A result goes with its file
(``SendResult``), named by SHA-256 in the message.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connectors.simulators.soap_words import call, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.calling import Ask, Heard, Verdict
    from connectors.simulators.soap_words import Words

PAPER = b"%PDF-1.4\n% nothing in it\n"
ASK, PENDING = "AskStatus", "FetchPending"
HOURS: Mapping[str, int] = {"received": 1, "step": 3, "finished": 30}
"""When each thing happened: so long after the midnight of the day in the dossier's code."""
UNIT = "Phòng Chuyên môn"
SAID: Mapping[str, str] = {"received": "Tiếp nhận hồ sơ", "step": "Thẩm định", "finished": "Đã có kết quả"}
RESULT = {
    "name": "ket-qua.pdf",
    "sha256": sha256(PAPER).hexdigest(),
    "size": len(PAPER),
    "media_type": "application/pdf",
}
ABOUT: Mapping[str, Mapping[str, Any]] = {
    "received": {
        "procedure": {"national": "1.009999", "local": "QNA-DD-0123"},
        "channel": "counter",
        "applicant": {
            "name": "Nguyễn Văn Mẫu",
            "kind": "citizen",
            "identities": [{"kind": "cccd", "number": "049000000001"}],
            "phone": "0900000000",
        },
        "summary": "Chuyển nhượng thửa 15, tờ 7",
        "return_method": "counter",
        "processing_unit": UNIT,
    },
    "finished": {"results": [RESULT]},
}


class SoapCaller:
    """Operations are ``<operation>:<what>``."""

    operations: tuple[str, ...] = (
        "SubmitMessage:received",
        f"{ASK}:dossier",
        "SubmitMessage:step",
        "SendResult:finished",
        f"{ASK}:again",
        f"{PENDING}:",
    )
    asks: frozenset[str] = frozenset({f"{ASK}:dossier", f"{ASK}:again", f"{PENDING}:"})
    optional: frozenset[str] = frozenset()

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def greeting(self) -> Ask | None:
        return None

    def admitted(self, _: Heard, /) -> bool:
        return True

    def ask(self, operation: str, dossier: str, _: datetime) -> Ask:
        name, what = operation.split(":")
        return call(name, _children(name, what, dossier), self._secret)

    def verdict(self, operation: str, heard: Heard, /) -> Verdict:
        return verdict(heard, operation.partition(":")[0])


def _children(name: str, what: str, dossier: str) -> list[Words]:
    if name == PENDING:
        return [("Limit", "50")]
    if name == ASK:
        return [("Of", "dossier"), ("Id", dossier)]
    told = json.dumps(_message(what, dossier), ensure_ascii=False).encode()
    said: list[Words] = [
        ("Key", f"{dossier}-{what}"),
        ("ContentType", "application/json"),
        ("Payload", b64encode(told).decode()),
    ]
    if name == "SendResult":
        file = [
            ("Name", "ket-qua.pdf"),
            ("ContentType", "application/pdf"),
            ("Content", b64encode(PAPER).decode()),
        ]
        said.append(("File", file))
    return said


def _message(kind: str, dossier: str) -> dict[str, Any]:
    day = datetime.strptime(dossier.split("-")[-2], "%y%m%d").replace(tzinfo=UTC)
    at = (day + timedelta(hours=HOURS[kind])).isoformat()
    event = {"kind": kind, "at": at, "actor": {"name": "Lê Thị Sở", "unit": UNIT}, "content": SAID[kind]}
    dates = {"received_at": at} if kind == "received" else {}
    return {"event": event, "dossier": {"code": dossier, **ABOUT.get(kind, {}), **dates}}
