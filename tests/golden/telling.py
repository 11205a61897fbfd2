"""What each format makes of each kind: what happened to a dossier, with its deadlines, pauses, supplements, duties, fees, results and
apologies as data, and what is about no dossier.

One message for each kind, with the data that belongs to it and no words around it, settled as intake settles it. ``kinds/`` has one
file per format: the payload of each operation, or the code and the rule why it cannot be written, or why there is no operation.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.judging.settling import settled
from hub.story import spoken
from schemas.dossier import (
    Actor,
    Applicant,
    ApplicantKind,
    Channel,
    Custody,
    Dossier,
    Duty,
    Event,
    Failure,
    Fee,
    FeeState,
    Figure,
    Identity,
    Kind,
    Message,
    Pause,
    Procedure,
    Record,
    Report,
    Result,
    ReturnMethod,
    State,
    Supplement,
)
from schemas.problems import Refusal

if TYPE_CHECKING:
    from schemas.mapping import Mapping
    from schemas.table import Table

K, S = Kind, State
CODE, KEY = "000.00.15.H47-261120-0001", "KEY-1"
NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
DUE, LATER = datetime(2026, 12, 4, 1, tzinfo=UTC), datetime(2026, 12, 11, 1, tzinfo=UTC)
ASKED = Supplement(id="71", content="Bản đồ trích lục", requested_at=NOON, due_before=DUE)
GIVEN = Supplement(
    id="71",
    content="Bản đồ trích lục",
    requested_at=NOON,
    received_at=NOON,
    fulfilled=True,
    due_before=DUE,
    due_after=LATER,
)
NOTICE = Duty(notice="TB-0042", notice_at=NOON, item_name="Thuế thu nhập", amount=3_200_000, due_at=LATER)
PAID = Duty(notice="TB-0042", amount=3_200_000, receipt_number="BL-7", paid_at=NOON)
RESULT = Result(
    id="KQ-1",
    name="Giấy chứng nhận",
    sha256="9f" * 32,
    reference="https://motcua.example.vn/f/2f6c0b0e-2f0f-4b1a-9a54-0d8c3a5e7a11",
    custody=Custody(holder="Trung tâm Phục vụ hành chính công", since=NOON),
)


def _fee(state: FeeState) -> dict[str, Any]:
    return {"fees": (Fee(code="PTD", name="Phí thẩm định", kind="2", amount=150_000, state=state),)}


SAID: dict[Kind, tuple[dict[str, Any], dict[str, Any]]] = {
    K.RECEIVED: ({}, {"state": S.ACCEPTED}),
    K.TRANSFERRED: ({"content": "Thẩm định", "due_at": DUE, "state": S.PROCESSING}, {}),
    K.STEP: ({"content": "Đo đạc", "started_at": NOON, "state": S.PROCESSING}, {}),
    K.CORRECTED: ({"reason": "Sai tên", "corrects": "KEY-0"}, {"state": S.PROCESSING}),
    K.REFUSED_AT_RECEPTION: ({"reason": "Không thuộc thẩm quyền"}, {"refused_at": NOON}),
    K.SUPPLEMENT_REQUESTED: ({"reason": "Thiếu bản đồ", "pauses_clock": True}, {"supplements": (ASKED,)}),
    K.SUPPLEMENT_SUBMITTED: ({}, {"supplements": (GIVEN,)}),
    K.DUTY_ANNOUNCED: ({}, {"duties": (NOTICE,)}),
    K.DUTY_CORRECTED: ({"reason": "Sai mục"}, {"duties": (NOTICE,)}),
    K.DUTY_PAID: ({}, {"duties": (PAID,)}),
    K.SUSPENDED: (
        {"reason": "Có tranh chấp", "pauses_clock": True},
        {"pauses": (Pause(reason="tranh-chap", since=NOON),)},
    ),
    K.RESUMED: ({}, {"pauses": (Pause(reason="tranh-chap", since=NOON, until=LATER),), "due_at": LATER}),
    K.WITHDRAWN: ({"reason": "Công dân xin rút"}, {}),
    K.FINISHED: ({}, {"finished_at": NOON, "results": (RESULT,)}),
    K.RESULT_INCORRECT: ({"reason": "Sai tên"}, {}),
    K.RESULT_HANDED_OVER: ({}, {"results": (RESULT,)}),
    K.RETURNED: ({}, {"returned_at": NOON, "finished_at": NOON}),
    K.RECALLED: ({"reason": "Kết quả sai"}, {}),
    K.APOLOGY: (
        {"due_at": LATER, "state": S.PROCESSING},
        {"overdue_reason": "Thiếu người", "responsible_unit": "Phòng Đo đạc", "apologies": 1},
    ),
    K.DUE_DATE_CHANGED: ({"due_at": LATER, "reason": "Chờ xác minh", "state": S.PROCESSING}, {}),
    K.FEE_DUE: ({"state": S.PROCESSING}, _fee(FeeState.DUE)),
    K.FEE_PAID: ({"state": S.PROCESSING}, _fee(FeeState.PAID)),
    K.FEE_REFUNDED: ({"reason": "Thu thừa", "state": S.PROCESSING}, _fee(FeeState.REFUNDED)),
}
"""Kind → what the event says, what the dossier says."""


APART: dict[Kind, dict[str, Any]] = {
    K.CATALOGUE_PUBLISHED: {"subject": "procedures 2"},
    K.REPORT_PUBLISHED: {
        "subject": "processing 2026-11",
        "report": Report(
            name="processing",
            period="2026-11",
            figures=(Figure(name="received", value="40"), Figure(name="solved", value="30")),
        ),
    },
    K.RECORD_PUBLISHED: {
        "subject": "ratings 71",
        "record": Record(service="DongBoDanhGia", content='{"DiemDanhGia": "5"}'),
    },
    K.DELIVERY_FAILED: {
        "failure": Failure(
            message="M-1",
            transfer="T-1",
            partner="thue",
            code="HUB-MAP-004",
            state="parked",
            detail="required MaTTHC",
            supplier="sender",
        )
    },
}
"""Kind that is about no dossier → what the message says instead."""


BETWEEN = {"from_agency": "000.00.15.H47", "to_agency": "000.00.00.H47"}


def message(kind: Kind) -> Message:
    if kind in APART:
        event = Event(kind=kind, at=NOON)
        return Message(event=event, key="k", sender="motcua-tinh", agency="000.00.00.H47", **APART[kind])
    of_event, of_dossier = SAID[kind]
    actor = Actor(name="Trần Thị Một Cửa", unit="Bộ phận Một cửa", agency="000.00.00.H47")
    dossier: dict[str, Any] = {
        "code": CODE,
        "procedure": Procedure(
            local="QNA-DD-0123",
            national="1.009999",
            name="Đăng ký biến động",
            field_code="G15-DD",
            field_name="Đất đai",
        ),
        "channel": Channel.COUNTER,
        "applicant": Applicant(
            name="Nguyễn Văn Mẫu",
            kind=ApplicantKind.CITIZEN,
            identities=(Identity(kind="cccd", number="049000000001"),),
        ),
        "summary": "Chuyển nhượng thửa 15",
        "submitted_at": datetime(2026, 11, 20, 0, 55, tzinfo=UTC),
        "submitted_where": "2",
        "digitised": "0",
        "identity_verified": "0",
        "paid_online": "0",
        "received_at": datetime(2026, 11, 20, 1, tzinfo=UTC),
        "due_at": DUE,
        "return_method": ReturnMethod.COUNTER,
        "processing_unit": "Sở Tài nguyên và Môi trường",
        "state": of_event.get("state"),
    }
    return settled(
        Message(
            event=Event(kind=kind, at=NOON, actor=actor, **(BETWEEN | of_event)),
            key="k",
            sender="motcua-tinh",
            agency="000.00.00.H47",
            dossier=Dossier(**(dossier | of_dossier)),
        )
    )


def told(mapping: Mapping, table: Table) -> bytes:
    """What a format makes of each kind, as the golden file has it."""
    why = {each.what: each.untold for each in spoken.kinds(table)}
    made: dict[str, Any] = {}
    for kind in (*SAID, *APART):
        said = message(kind)
        operations = mapping.operations(said)
        made[kind] = {name: _written(mapping, name, said) for name in operations} or f"– {why[kind]}"
    return (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode()


def _written(mapping: Mapping, operation: str, said: Message) -> Any:
    try:
        payload = mapping.write(operation, said, KEY)
    except Refusal as refusal:
        return " ".join(f"{each.code} {each.place} {each.rule}" for each in refusal.problems)
    return payload.decode() if mapping.media == "xml" else json.loads(payload)
