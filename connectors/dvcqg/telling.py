"""From a call of the portal to messages. Pure. The protocol has no key: it is made of what was said, the security key aside."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Message
from connectors.dvcqg.records import text
from connectors.repeats import Said, digest, earlier, key, retold
from schemas.dossier import Kind
from schemas.problems import refuse

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.contract import Enclosed
    from connectors.desks import Standing
    from connectors.dvcqg.records import Receipt, Record
    from schemas.tax import Line, Notices

K = Kind
RECORD, NOTICE, RECEIPT = "HoSo", "ThongBaoThue", "ChungTuThue"
"""Under these names what was sent stands in the message."""


def handed_in(record: Record, body: bytes, standing: Standing, place: str) -> tuple[Message, ...]:
    """Say a dossier that was handed in at the portal; of one that is known already, it is the record once more."""
    at = text(record.submitted) or text(record.received)
    if not at:
        raise refuse("HUB-SCH-003", f"{place}/NgayNopHoSo", rule="required")

    def happened(_moved: Kind | None) -> tuple[Kind, ...]:
        return (K.RECEIVED if standing.state is None else K.CORRECTED,)

    def said(kind: Kind) -> bytes:
        state = {"State": "1"} if kind is K.RECEIVED else {}
        return msgspec.json.encode({"Kind": str(kind), **state, "At": at, RECORD: msgspec.Raw(body)})

    return tuple(Message(body=said(kind), key=made) for kind, made in retold("R", body, standing, happened))


def announced(notices: Notices, file: Enclosed | None, date: datetime | None) -> tuple[Message, ...]:
    """Say the notices about one dossier. ``date``: of the call, when no notice has one."""
    at = max((line.at for line in notices.lines if line.at), default=date)
    if at is None:
        raise refuse("HUB-SCH-003", "/Data/FileThongBaoThue/NGAY_QUYET_DINH", rule="required")
    said: dict[str, Any] = {
        "MaHoSo": notices.dossier,
        "ThongBao": [_line(line) for line in notices.lines],
        "Tep": [{"Id": file.sha256, "Sha256": file.sha256}] if file else [],
    }
    body = msgspec.json.encode({"At": at, NOTICE: said})
    made = key("N", Said(len(notices.lines), K.DUTY_ANNOUNCED, digest(body)))
    return (Message(body=body, key=made, own=True),)


def paid(receipt: Receipt, standing: Standing) -> tuple[Message, ...]:
    """Say a receipt. Where this portal announced more than was paid yet, the dossier goes on waiting."""
    at = max(payment.at for payment in receipt.payments)
    said = {
        "MaHoSo": receipt.dossier,
        "NopTien": [
            {
                name: value
                for name, value in (
                    ("MaThongBaoThue", payment.notice),
                    ("MaSoThue", receipt.payer),
                    ("NoiDung", payment.content),
                    ("SoTien", payment.amount),
                    ("ThoiGian", payment.at),
                )
                if value
            }
            for payment in receipt.payments
        ],
        "Tep": [_file(receipt.link)] if receipt.link else [],
    }
    mark = digest(msgspec.json.encode(said))
    made = key("C", Said(len(receipt.payments), K.DUTY_PAID, mark))
    waits = _left(made, len(receipt.payments), standing) > 0
    state = {"State": "6"} if waits else {}
    return (Message(body=msgspec.json.encode({"At": at, **state, RECEIPT: said}), key=made),)


def _left(made: str, payments: int, standing: Standing) -> int:
    """How many notices of this portal are not paid after this receipt; what was said after it does not count."""
    before = standing.said[: standing.said.index(made)] if made in standing.said else standing.said
    then = msgspec.structs.replace(standing, said=before)
    told, came = (sum(one.number for one in earlier(what, then)) for what in "NC")
    return told - came - payments


def _line(line: Line) -> dict[str, Any]:
    told = {
        "MaSoThue": line.payer,
        "SoQuyetDinh": line.notice,
        "NgayQuyetDinh": line.at,
        "TenTieuMuc": line.item,
        "SoTien": line.amount,
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


def _file(link: str) -> dict[str, str]:
    """A file has no id there: its address is one."""
    return {"Id": hashlib.sha256(link.encode()).hexdigest()[:32], "Link": link}
