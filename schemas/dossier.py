"""The canonical words: one message about one dossier, and all that any partner says in it.

Rules of this file:

* Values are frozen; collections are tuples; an absent text is ``None``, never ``""``.
* Text is UTF-8 in NFC. Times are aware and in UTC; a partner's own wall time stops at its codec.
* Money is a whole number of Vietnamese đồng.
* ``extensions`` keeps, per format id, what that format said and these words cannot: format → canonical → the same
  format loses nothing. The key is the mapping's id (``motcua.rest``), the value is the untouched part of the payload.
* The record is a superset of the national portal's dossier record (``DongBoHoSoMC.data[]`` in its generations 1 and 1+).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

SCHEMA_ID = "lienthong.message/1"

Text = Annotated[str, Meta(min_length=1, max_length=20_000)]
Verbatim = Annotated[str, Meta(min_length=1, max_length=200_000)]
Name = Annotated[str, Meta(min_length=1, max_length=4_000)]
Code = Annotated[str, Meta(min_length=1, max_length=200)]
Money = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[datetime, Meta(tz=True)]


class Kind(StrEnum):
    """What a message says happened (design decision 2)."""

    RECEIVED = "received"
    REFUSED_AT_RECEPTION = "refused_at_reception"
    TRANSFERRED = "transferred"
    STEP = "step"
    SUPPLEMENT_REQUESTED = "supplement_requested"
    SUPPLEMENT_SUBMITTED = "supplement_submitted"
    DUTY_ANNOUNCED = "duty_announced"
    DUTY_PAID = "duty_paid"
    DUTY_CORRECTED = "duty_corrected"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    WITHDRAWN = "withdrawn"
    FINISHED = "finished"
    RESULT_INCORRECT = "result_incorrect"
    RESULT_HANDED_OVER = "result_handed_over"
    RETURNED = "returned"
    APOLOGY = "apology"
    DUE_DATE_CHANGED = "due_date_changed"
    FEE_DUE = "fee_due"
    FEE_PAID = "fee_paid"
    FEE_REFUNDED = "fee_refunded"
    RECALLED = "recalled"
    CORRECTED = "corrected"
    CATALOGUE_PUBLISHED = "catalogue_published"
    REPORT_PUBLISHED = "report_published"
    RECORD_PUBLISHED = "record_published"
    DELIVERY_FAILED = "delivery_failed"


class State(StrEnum):
    """Where a dossier stands, per agency leg and overall; the numbers are the portal's ``TrangThaiHoSo``."""

    SUBMITTED = "submitted"  # 1 Mới đăng ký
    ACCEPTED = "accepted"  # 2 Được tiếp nhận
    REFUSED = "refused"  # 3 Không được tiếp nhận
    PROCESSING = "processing"  # 4 Đang xử lý
    SUPPLEMENT = "supplement"  # 5 Yêu cầu bổ sung giấy tờ
    DUTY = "duty"  # 6 Yêu cầu thực hiện nghĩa vụ tài chính
    WITHDRAWN = "withdrawn"  # 7 Công dân yêu cầu rút hồ sơ
    STOPPED = "stopped"  # 8 Dừng xử lý
    FINISHED = "finished"  # 9 Đã xử lý xong
    RETURNED = "returned"  # 10 Đã trả kết quả


class Channel(StrEnum):
    COUNTER = "counter"  # 1 trực tiếp
    ONLINE = "online"  # 2 trực tuyến
    POST = "post"  # 3 bưu chính công ích


class ApplicantKind(StrEnum):
    CITIZEN = "citizen"  # 1
    ENTERPRISE = "enterprise"  # 2
    AGENCY = "agency"  # 3
    ORGANISATION = "organisation"  # 4


class ReturnMethod(StrEnum):
    COUNTER = "counter"  # 0
    POST = "post"  # 1


class FeeState(StrEnum):
    DUE = "due"
    PAID = "paid"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    EXEMPT = "exempt"


class Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Common shape of every canonical value: closed, frozen, defaults left out on the wire."""


class Alias(Words, frozen=True):
    """A dossier's code under a named authority (an agency code or a partner that issues codes); scoped to it."""

    authority: Code
    code: Code


class Procedure(Words, frozen=True):
    """Thủ tục hành chính: the sender's own code, the national code, and the field it belongs to."""

    local: Code | None = None
    national: Code | None = None
    name: Name | None = None
    field_code: Code | None = None
    field_name: Name | None = None


class Identity(Words, frozen=True):
    """``kind``: ``cccd`` (12 digits), ``cmnd`` (9 digits), ``passport``, ``tax`` or ``other``."""

    kind: Code
    number: Code


class Applicant(Words, frozen=True):
    """Chủ hồ sơ. Personal data throughout."""

    name: Name | None = None
    kind: ApplicantKind | None = None
    account: Code | None = None
    identities: tuple[Identity, ...] = ()
    address: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    fax: Text | None = None
    other: Text | None = None


class Document(Words, frozen=True):
    """A file handed in, by reference. ``id`` is stable: partners merge updates by it. ``size`` in bytes."""

    id: Code
    name: Name | None = None
    component: Code | None = None
    sha256: Sha256 | None = None
    size: Count | None = None
    media_type: Code | None = None
    reference: Text | None = None
    deleted: bool | None = None
    digitised: Code | None = None
    reused: Code | None = None
    from_national_store: Code | None = None
    replaces_result: Code | None = None


class Paper(Words, frozen=True):
    """A paper without a file: name, how many, original or copy as the sender codes it."""

    name: Name | None = None
    quantity: Code | None = None
    kind: Code | None = None


class Fee(Words, frozen=True):
    """Phí, lệ phí. ``collected_at``: 1 at reception, 2 on supplement, 4 on return. ``remitted_at``: paid on to the treasury."""

    code: Code | None = None
    name: Name | None = None
    kind: Code | None = None
    collected_at: Code | None = None
    amount: Money | None = None
    state: FeeState | None = None
    receipt_number: Code | None = None
    account: Code | None = None
    paid_at: Moment | None = None
    remitted_at: Moment | None = None


class Duty(Words, frozen=True):
    """Nghĩa vụ tài chính: one tax notice line."""

    notice: Code | None = None
    notice_at: Moment | None = None
    payer_tax_code: Code | None = None
    item_code: Code | None = None
    item_name: Name | None = None
    amount: Money | None = None
    due_at: Moment | None = None
    receipt_number: Code | None = None
    account: Code | None = None
    paid_at: Moment | None = None


class Supplement(Words, frozen=True):
    """Yêu cầu bổ sung and what came of it."""

    id: Code | None = None
    requested_by: Name | None = None
    content: Text | None = None
    requested_at: Moment | None = None
    received_by: Name | None = None
    received_note: Text | None = None
    received_at: Moment | None = None
    fulfilled: bool | None = None
    papers: tuple[Paper, ...] = ()
    fees: tuple[Fee, ...] = ()
    due_before: Moment | None = None
    due_after: Moment | None = None


class Custody(Words, frozen=True):
    """Who holds the paper original of a result, since when."""

    holder: Name
    since: Moment | None = None


class Result(Words, frozen=True):
    """Giấy tờ kết quả, by reference, with the custody of its paper original."""

    id: Code | None = None
    name: Name | None = None
    component: Code | None = None
    code: Code | None = None
    sha256: Sha256 | None = None
    size: Count | None = None
    media_type: Code | None = None
    reference: Text | None = None
    custody: Custody | None = None


class Actor(Words, frozen=True):
    """The officer and unit that did a step."""

    name: Name | None = None
    title: Name | None = None
    unit: Name | None = None
    agency: Code | None = None


class Event(Words, frozen=True):
    """What happened, as the sender tells it. ``sequence`` counts per dossier at the source; it is compared, never used to reorder."""

    kind: Kind
    at: Moment
    sequence: Count | None = None
    actor: Actor | None = None
    content: Text | None = None
    state: State | None = None
    started_at: Moment | None = None
    due_at: Moment | None = None
    from_agency: Code | None = None
    to_agency: Code | None = None
    reason: Text | None = None
    pauses_clock: bool | None = None
    outcome: Code | None = None
    corrects: Code | None = None  # the message id (or the source's event key) that this event corrects


class Leg(Words, frozen=True):
    """The part of a dossier that one agency has in hand."""

    agency: Code
    state: State
    since: Moment | None = None
    due_at: Moment | None = None


class Pause(Words, frozen=True):
    reason: Code
    since: Moment
    until: Moment | None = None


class Dossier(Words, frozen=True):
    """Hồ sơ: what the sender knows of it at the moment of the message."""

    code: Code
    id: Code | None = None  # the hub's own id, filled in on acceptance
    aliases: tuple[Alias, ...] = ()
    procedure: Procedure | None = None
    receipt_number: Code | None = None
    channel: Channel | None = None
    applicant: Applicant | None = None
    summary: Annotated[str, Meta(min_length=1, max_length=20_000)] | None = None
    state: State | None = None
    submitted_at: Moment | None = None
    received_at: Moment | None = None
    due_at: Moment | None = None
    finished_at: Moment | None = None
    returned_at: Moment | None = None
    refused_at: Moment | None = None
    return_method: ReturnMethod | None = None
    return_note: Text | None = None
    processing_unit: Name | None = None
    processing_agency: Code | None = None
    note: Text | None = None
    submitted_where: Code | None = None
    digitised: Code | None = None
    identity_verified: Code | None = None
    paid_online: Code | None = None
    national_databases: tuple[Code, ...] = ()
    documents: tuple[Document, ...] = ()
    papers: tuple[Paper, ...] = ()
    fees: tuple[Fee, ...] = ()
    duties: tuple[Duty, ...] = ()
    supplements: tuple[Supplement, ...] = ()
    results: tuple[Result, ...] = ()
    events: tuple[Event, ...] = ()
    legs: tuple[Leg, ...] = ()
    pauses: tuple[Pause, ...] = ()
    parent: Code | None = None
    children: tuple[Code, ...] = ()
    overdue_reason: Text | None = None
    responsible_unit: Name | None = None
    apologies: Count | None = None


class Failure(Words, frozen=True):
    """For ``delivery_failed``: which transfer of which message did not reach whom, and why (a catalogue code).

    ``detail``: what is missing or wrong, in the words of the rule that says so; no values. ``supplier``: who can mend it.
    """

    message: Code
    transfer: Code
    partner: Code
    code: Code
    state: Code
    detail: Text | None = None
    supplier: Code | None = None


class Figure(Words, frozen=True):
    """One figure of a report. ``value``: a number, as its sender writes it; ``about``: what it is a figure of, where that is not
    all: a question that citizens were asked.
    """

    name: Code
    value: Code
    about: Text | None = None


class Report(Words, frozen=True):
    """Báo cáo: figures that an agency publishes, as it counts them. ``period``: ``2026-11``, ``2026``; none: as of the event.

    ``name``: ``processing`` (dossiers received, solved, pending) or ``ratings`` (what citizens think of the service).
    """

    name: Code
    period: Code | None = None
    agency: Code | None = None
    agency_name: Name | None = None
    note: Text | None = None
    figures: tuple[Figure, ...] = ()


class Record(Words, frozen=True):
    """Bản ghi công bố: what a system publishes and no words of ours are known for, as it came: citizens' questions, the answers to them, ratings.

    ``service``: the name of the call that brought it; ``content``: the record itself, in JSON; ``parameters``: what stood beside it in the
    call. It may hold personal data.
    """

    service: Code
    content: Verbatim
    parameters: Verbatim | None = None
    agency: Code | None = None
    agency_name: Name | None = None


class Message(Words, frozen=True):
    """Thông điệp: one thing said about a dossier, in the hub's own words.

    ``key`` is the sender's key for it (Idempotency-Key or the format's natural key). ``subject`` names the document,
    catalogue, report or record for a message without a dossier. ``extensions`` is keyed by mapping id.
    """

    event: Event
    key: Code
    sender: Code
    agency: Code
    dossier: Dossier | None = None
    subject: Code | None = None
    failure: Failure | None = None
    report: Report | None = None
    record: Record | None = None
    extensions: dict[str, Any] = {}
    schema: str = SCHEMA_ID

    @property
    def kind(self) -> Kind:
        return self.event.kind


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Message)


def to_json(message: Message) -> bytes:
    """Encode as canonical JSON: keys in a fixed order, defaults left out, times in UTC with ``Z``."""
    return _ENCODER.encode(message)


def from_json(raw: bytes) -> Message:
    """Read what ``to_json`` wrote. Raises ``msgspec.ValidationError``: only the store's own bytes come this way."""
    return _DECODER.decode(raw)
