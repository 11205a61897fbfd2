"""A one-stop system that publishes its dossiers to a provincial gateway, as its published client does: habits and faults alike.

It publishes its figures of the month and its citizens' votes the same way, whenever its timer rings. It asks for a token before each dossier, sends the record as it is now and then the last step, believes the status line alone,
drops the body of anything but success, and says both again when one of them failed. Of an address that ends with a slash it
loses the letter before it as well. Dates are the wall time of its clock with the letter ``Z``.
Run: ``python -m connectors.simulators.publisher --url http://127.0.0.1:8080/lgsp --client motcua --secret-file secrets/motcua.secret --record record.json --step step.json``
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from connectors.simulators.posting import post

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SUCCESS = 200
NO_DATE = "0000-00-00T00:00:00.000+0700"


class Answer(NamedTuple):
    """``status`` 0 and no message: what this client makes of an error."""

    status: int
    message: str = ""


class Publisher:
    """One configured client. ``raw``, ``head``: what the last call was answered with, for whoever looks on."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._url = url[:-2] if url.endswith("/") else url
        self._client, self._secret = client, secret
        self.raw, self.head = Answer(0), ""

    async def publish(self, record: Mapping[str, Any], step: Mapping[str, Any] | None = None) -> bool:
        """Say where a dossier stands, and its last step. False: it will try both again."""
        token = await self.token()
        if not token:
            return False
        said = await self.say(token, "/Document/SyncDocument", record)
        if said.status != SUCCESS or step is None:
            return said.status == SUCCESS
        return (await self.say(token, "/Document/UpdateDocumentTraces", step)).status == SUCCESS

    async def report(self, path: str, document: Mapping[str, Any]) -> bool:
        """Publish figures: to ``/Statistic/UpdateStatistic`` (Java drops the blank behind it) or ``/Vote/UpdateVote``."""
        token = await self.token()
        return bool(token) and (await self.say(token, path, document)).status == SUCCESS

    async def token(self) -> str:
        """Return a token; empty when it got none."""
        form = {
            "grant_type": "client_credentials",
            "client_secret": self._secret,
            "client_id": self._client,
        }
        answer = await self._post("/token", urlencode(form).encode(), "application/x-www-form-urlencoded")
        return str(msgspec.json.decode(answer.message)["access_token"]) if answer.status == SUCCESS else ""

    async def say(self, token: str, path: str, document: Mapping[str, Any]) -> Answer:
        return await self._post(path, msgspec.json.encode(document), "application/json", token)

    async def _post(self, path: str, body: bytes, media_type: str, token: str = "") -> Answer:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await post(self._url + path, body, {**bearer, "Content-Type": media_type})
        if not answer.status:
            return Answer(0)
        self.head, self.raw = answer.head, Answer(answer.status, answer.body)
        return self.raw if self.raw.status < 400 else Answer(0)  # noqa: PLR2004 - Java throws the body of an error away


def marked(moment: datetime) -> str:
    """Write a wall time as this client does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def record(  # noqa: PLR0913 - what differs between two dossiers, and between two moments of one
    code: str,
    procedure: str,
    *,
    received: datetime,
    due: datetime | None = None,
    released: datetime | None = None,
    returned: datetime | None = None,
    closed: datetime | None = None,
    files: Mapping[str, bytes] | None = None,
    **more: Any,  # noqa: ANN401 - further fields
) -> dict[str, Any]:
    """Write a dossier's record. ``released``: its result is there; ``returned``: handed out; ``closed``: refused or withdrawn."""
    ended = returned or closed
    last = returned or due
    told: dict[str, Any] = {
        "DocTypeCode": procedure,
        "DocTypeName": "Đăng ký biến động quyền sử dụng đất",
        "DocCode": code,
        "CitizenName": "Nguyễn Văn Mẫu",
        "ApplicantsId": "049000000001",
        "ApplicantsType": 1,
        "Address": "Tam Kỳ",
        "Phone": "0900000000",
        "Compendium": "Chuyển nhượng thửa 15, tờ 7",
        "DateReceived": marked(received),
        **({"DateAppointed": marked(due)} if due else {}),
        "IsSuccess": released is not None and returned is None,
        "SuccessDate": marked(released) if released else NO_DATE,
        "ApproverName": "",
        "ApproverPosition": "",
        "SuccessNote": "",
        "IsReturned": returned is not None,
        "ReturnedDate": marked(last) if last else "1970-01-01T07:00:00.000Z",
        "ReturnNote": "",
        "ReturnedType": 0,
        **({"FinishedDate": marked(ended)} if ended else {}),
        "Status": 2 if released and not returned else 1,
        "ProcessingOrganName": "Sở Nông nghiệp và Môi trường",
        "HasSupplementary": False,
        "Note": "",
        "Attachments": [_file(900_001 + number, *file) for number, file in enumerate((files or {}).items())],
        "DocFees": [{"FeeName": "Phí thẩm định", "FeeType": 4, "Price": 150_000}],
        "OrganInchargeIdLevel1": "STNMT",
        "OrganInchargeName": "Sở Nông nghiệp và Môi trường",
        "vnpostalStatus": 0,
        "fromViaPostal": 0,
    }
    return {**told, **more}


def _file(number: int, name: str, content: bytes) -> dict[str, Any]:
    written = base64.b64encode(content).decode()
    return {
        "AttachmentId": number,
        "AttachmentName": name,
        "IsDeleted": False,
        "IsVerified": True,
        "Base64": written,
    }


def step(code: str, at: datetime, note: str = "Tiếp nhận hồ sơ") -> dict[str, Any]:
    return {
        "DocumentId": 4711,
        "DocCode": code,
        "UserName": "Trần Thị Một Cửa",
        "UserPosition": "",
        "DateCreated": marked(at),
        "Comment": note,
        "Status": 0,
        "OrganizationInchargeIdLevel1": "STNMT",
        "OrganizationInchargeName": "Sở Nông nghiệp và Môi trường",
    }


def statistic(year: int, month: int, *, received: int, solved: int) -> dict[str, Any]:
    """Write the figures of a month as they are now; ``month`` 0: of the whole year. A share of nothing is left out."""
    late = solved // 10
    pending = received - solved
    shares = (
        {"SolvedInTimePercent": (solved - late) / solved, "SolvedLatePercent": late / solved}
        if solved
        else {}
    )
    return {
        "Month": month,
        "Year": year,
        "IsMonthStatistic": month != 0,
        "NewReception": received,
        "PreExtisting": 0,
        "Total": received,
        "TotalSolved": solved,
        "SolvedInTime": solved - late,
        "SolvedLate": late,
        "TotalPending": pending,
        "Pending": pending,
        "PendingLate": 0,
        **shares,
        **({"PendingPercent": 1.0, "PendingLatePercent": 0.0} if pending else {}),
        "Note": "",
        "OrganizationInchargeIdlevel1": "",
        "OrganizationInchargeName": "",
    }


def votes(at: datetime, questions: Mapping[str, tuple[float, float, float]]) -> dict[str, Any]:
    """Write what citizens think, of all and by question: very good, good, bad. ``at``: the clock of the call, with its zone."""

    def rated(good: tuple[float, float, float]) -> dict[str, float]:
        return dict(zip(("PercentVeryGood", "PercentGood", "PercentBad"), good, strict=True))

    return {
        "DateCreated": at.strftime("%Y-%m-%dT%H:%M:%S.000%z"),
        "TotalVoted": 40,
        **rated(next(iter(questions.values()))),
        "Questions": [
            {"DocTypeCode": "", "Content": content, **rated(good)} for content, good in questions.items()
        ],
        "OrganizationInchargeIdlevel1": "",
        "OrganizationInchargeName": "",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Publish one dossier as a one-stop system does")
    parser.add_argument(
        "--url", required=True, help="the hub's address with the desk's path, without a slash behind it"
    )
    parser.add_argument("--client", required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--record", type=Path, help="an MSyncDocument")
    what.add_argument("--statistic", type=Path, help="an MStatistic")
    what.add_argument("--votes", type=Path, help="an MVotes")
    parser.add_argument("--step", type=Path, help="an MDocumentTraces, after the record")
    told = parser.parse_args()
    publisher = Publisher(told.url, told.client, told.secret_file.read_text("utf-8").strip())
    done = asyncio.run(_published(publisher, told))
    sys.stdout.write(
        f"{'published' if done else 'not published'}: {publisher.raw.status} {publisher.raw.message}\n"
    )
    return 0 if done else 1


async def _published(publisher: Publisher, told: argparse.Namespace) -> bool:
    steps = msgspec.json.decode(told.step.read_bytes()) if told.step else None
    if told.record:
        return await publisher.publish(msgspec.json.decode(told.record.read_bytes()), steps)
    path, file = (
        ("/Vote/UpdateVote", told.votes) if told.votes else ("/Statistic/UpdateStatistic", told.statistic)
    )
    return await publisher.report(path, msgspec.json.decode(file.read_bytes()))


if __name__ == "__main__":
    raise SystemExit(main())
