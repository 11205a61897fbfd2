"""An OpenCPS one-stop that publishes to a provincial gateway, as its published client does (facts S3).

It asks a token for each publication, as a form, then posts the dossier's present state and its last action. All that it reads of an answer is
the HTTP status: 200 is success, anything else is said again. What it cannot fill it leaves out or says as its code does: a dossier that is not
decided has ``SuccessDate`` 0000-00-00, one that is not returned has the due date as ``ReturnedDate``, and its dates are the wall time of its
machine with the letter Z behind (§5.5, flaw 15).
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.simulators.calling import Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.calling import Heard, Verdict

SYNC, TRACE = "SyncDocument", "UpdateDocumentTraces"
STATISTIC, VOTE = "UpdateStatistic", "UpdateVote"
PATHS: Mapping[str, str] = {
    SYNC: "/Document/SyncDocument",
    TRACE: "/Document/UpdateDocumentTraces",
    STATISTIC: "/Statistic/UpdateStatistic",
    VOTE: "/Vote/UpdateVote",
}
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
UNDECIDED = "0000-00-00T00:00:00.000+0700"
AGENCY, AGENCY_NAME = "000.00.15.H47", "Văn phòng Đăng ký đất đai"
DOCUMENT = base64.b64encode(b"%PDF-1.4\n% nothing in it\n").decode()
STATES: tuple[tuple[str, str], ...] = (
    ("new", "Tiếp nhận hồ sơ"),
    ("processing", "Chuyển thẩm định"),
    ("releasing", "Đã có kết quả"),
    ("done", "Đã trả kết quả"),
)
"""``dossierStatus`` of its data base, and the note of the action that led there. Only ``releasing`` and ``done`` show in what it says."""


class OpenCpsLgsp:
    """Operations are ``<operation>:<state>``; the month's figures come last."""

    operations: tuple[str, ...] = (
        *(f"{operation}:{state}" for state, _ in STATES for operation in (SYNC, TRACE)),
        STATISTIC,
        VOTE,
    )
    asks: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    def __init__(self, secret: str, client: str = "opencps-lgsp") -> None:
        self._client, self._secret, self._token = client, secret, ""

    def greeting(self) -> Ask:
        form = {"grant_type": "client_credentials", "client_secret": self._secret, "client_id": self._client}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return Ask(path="/token", body=urlencode(form).encode(), headers=headers)

    def admitted(self, heard: Heard) -> bool:
        told = _object(heard) if heard.status == 200 else {}  # noqa: PLR2004 - what the client compares with
        self._token = str(told.get("access_token", ""))
        return bool(self._token) and isinstance(told.get("expires_in", 0), int)

    def ask(self, operation: str, dossier: str, at: datetime) -> Ask:
        name, _, state = operation.partition(":")
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }
        body = json.dumps(BODIES[name](dossier, state, at), ensure_ascii=False).encode()
        return Ask(path=PATHS[name], body=body, headers=headers)

    def verdict(self, _operation: str, heard: Heard, /) -> Verdict:
        if heard.status == 200:  # noqa: PLR2004 - as above
            return "taken"
        return "refused" if 400 <= heard.status < 500 else "unclear"  # noqa: PLR2004 - what an officer can act on


def _day(dossier: str) -> datetime:
    """When it was received: on its code's day."""
    return datetime.strptime(dossier.split("-")[-2] + "0100", "%y%m%d%H%M").replace(tzinfo=UTC)


def _date(at: datetime) -> str:
    return at.astimezone(VIETNAM).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _document(dossier: str, state: str, _: datetime) -> dict[str, Any]:
    received = _day(dossier)
    due, released, finished = (received + timedelta(days=days) for days in (6, 4, 5))
    done = state == "done"
    return {
        "DocTypeCode": "QNA-DD-0123",
        "DocTypeName": "Đăng ký biến động quyền sử dụng đất (minh họa)",
        "DocCode": dossier,
        "CitizenName": "Nguyễn Văn Mẫu",
        "CitizenInfo": "",
        "ApplicantsId": "049000000001",
        "ApplicantsType": 1,
        "Address": "Phường An Mỹ, Tam Kỳ",
        "Email": "mau@example.vn",
        "Phone": "0900000000",
        "Compendium": "Chuyển nhượng thửa 15, tờ 7",
        "DateReceived": _date(received),
        "DateAppointed": _date(due),
        "IsSuccess": state == "releasing",
        "SuccessDate": _date(released) if state in {"releasing", "done"} else UNDECIDED,
        "ApproverName": "",
        "ApproverPosition": "",
        "SuccessNote": "",
        "IsReturned": done,
        "ReturnedDate": _date(finished if done else due),
        "ReturnNote": "",
        "ReturnedType": 0,
        **({"FinishedDate": _date(finished)} if done else {}),
        "Status": 2 if state == "releasing" else 1,
        "ProcessingOrganName": AGENCY_NAME,
        "HasSupplementary": False,
        "Note": "",
        "Attachments": [
            {
                "AttachmentId": 900001,
                "AttachmentName": "Đơn đăng ký.pdf",
                "IsDeleted": False,
                "IsVerified": True,
                "Base64": DOCUMENT,
            }
        ],
        "DocFees": [{"FeeName": "Phí thẩm định", "FeeType": 4, "Price": 150000}],
        "OrganInchargeIdLevel1": AGENCY,
        "OrganInchargeName": AGENCY_NAME,
        "vnpostalStatus": 0,
        "vnpostalProfile": "",
        "fromViaPostal": 0,
    }


def _trace(dossier: str, state: str, _: datetime) -> dict[str, Any]:
    """The dossier's last action; it has no number of its own."""
    position = [name for name, _ in STATES].index(state)
    return {
        "DocumentId": 40001,
        "DocCode": dossier,
        "UserName": "Trần Thị Một Cửa",
        "UserPosition": "",
        "DateCreated": _date(_day(dossier) + timedelta(days=position, minutes=5)),
        "Comment": STATES[position][1],
        "Status": 0,
        "OrganizationInchargeIdLevel1": AGENCY,
        "OrganizationInchargeName": AGENCY_NAME,
    }


def _statistic(dossier: str, _: str, __: datetime) -> dict[str, Any]:
    """The month's figures of the whole one-stop. A share that divides by nothing is left out, as its JSON library does."""
    month = _day(dossier)
    return {
        "Month": month.month,
        "Year": month.year,
        "IsMonthStatistic": True,
        "NewReception": 40,
        "PreExtisting": 10,
        "Total": 50,
        "TotalSolved": 30,
        "SolvedInTime": 27,
        "SolvedInTimePercent": 90,
        "SolvedLatePercent": 0.1,
        "SolvedLate": 1,
        "TotalPending": 3,
        "Pending": 19,
        "PendingLate": 1,
        "PendingLatePercent": 0.05,
        "PendingPercent": 0.95,
        "Note": "",
        "OrganizationInchargeIdlevel1": "",
        "OrganizationInchargeName": "",
    }


def _vote(_: str, __: str, at: datetime) -> dict[str, Any]:
    shares = {"PercentVeryGood": 60.0, "PercentGood": 35.0, "PercentBad": 5.0}
    question = {"DocTypeCode": "", "Content": "Thái độ của công chức", **shares}
    return {
        "DateCreated": at.astimezone(VIETNAM).strftime("%Y-%m-%dT%H:%M:%S.000%z"),
        "TotalVoted": 20,
        **shares,
        "Questions": [question],
        "OrganizationInchargeIdlevel1": "",
        "OrganizationInchargeName": "",
    }


BODIES = {SYNC: _document, TRACE: _trace, STATISTIC: _statistic, VOTE: _vote}


def _object(heard: Heard) -> dict[str, Any]:
    try:
        told = json.loads(heard.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
