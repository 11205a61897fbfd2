"""The desk for one-stop systems that publish to a provincial gateway: dossiers as they stand, and each step.

``/Document/SyncDocument`` brings a record (``MSyncDocument``) that says where a dossier stands now, never what happened; what
happened follows from what the hub knew before (``connectors.lgsp.telling``). ``/Document/UpdateDocumentTraces`` brings one step.
``/Statistic`` and ``/Vote`` bring figures of a month and what citizens think: reports, about no dossier (``connectors.lgsp.figures``).

Answers are ``MResult``. The published client believes the status line and drops the body of anything but success; others look
at ``Status`` in the body. So both always say the same, and 200 stands for *durable* alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from connectors.desks import Accepted, Errand, Refused, Reply, Say, Stands, Token, Told
from connectors.lgsp.figures import Figures, reported, statistic, votes
from connectors.lgsp.records import RECORD, TRACE, Record, Trace, read
from connectors.lgsp.telling import told, traced
from connectors.parting import Words, parted
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.desks import Call, Result, Shown

SYNC, TRACES = "/Document/SyncDocument", "/Document/UpdateDocumentTraces"
FIGURES: Mapping[str, Callable[[bytes], Figures]] = {
    "/Statistic": statistic,
    "/Statistic/UpdateStatistic": statistic,
    "/Vote": votes,
    "/Vote/UpdateVote": votes,
}
ERRANDS = {"/token": Errand.LOGIN, **dict.fromkeys((SYNC, TRACES, *FIGURES), Errand.SAY)}
SCOPE = "default"
FILES = Words(files="Attachments", name="AttachmentName")
OWN = {
    "/At": "/DateReceived · /SuccessDate · /ReturnedDate",
    "/FinishedAt": "/SuccessDate",
    "/ReturnedAt": "/ReturnedDate",
    "/ApplicantKind": "/ApplicantsType",
    "/ReturnMethod": "/ReturnedType",
    "/Identities/0/Number": "/ApplicantsId",
}
"""What the desk concluded (``connectors.lgsp.telling``), by where it concluded it from."""


class Desk:
    """``connectors.desks.Desk`` for this protocol."""

    stands = Stands.HEAD

    def errand(self, method: str, path: str, _headers: Mapping[str, str]) -> Errand | None:
        return ERRANDS.get(_tidy(path)) if method == "POST" else None

    def login(self, call: Call) -> None:
        del call

    def shows(self, call: Call) -> Shown:
        raise refuse("HUB-AUT-001", call.path, rule="Authorization")

    def read(self, call: Call) -> Say:
        path = _tidy(call.path)
        if path in FIGURES:
            figures = FIGURES[path](call.body)
            return Say(
                begins=figures.begins,
                messages=lambda standing: reported(figures, call.body, call.at, standing),
            )
        if path == TRACES:
            trace = read(call.body, Trace)
            return Say(about=trace.code, messages=lambda standing: traced(call.body, standing))
        body, files = parted(call.body, FILES)
        record = read(body, Record)
        return Say(about=record.code, messages=lambda standing: told(record, body, standing), encloses=files)

    def write(self, result: Result) -> Reply:
        if isinstance(result, Token):
            return _json(
                {
                    "access_token": result.token,
                    "token_type": "Bearer",
                    "expires_in": result.seconds,
                    "scope": SCOPE,
                },
                HTTPStatus.OK,
            )
        if isinstance(result, Refused):
            return _result(result.status, _said(result))
        return _result(HTTPStatus.OK, ", ".join(result.ids) if isinstance(result, Accepted) else "")


def _tidy(path: str) -> str:
    """The published client ends one of its addresses with a blank."""
    return path.rstrip(" /")


def _said(refused: Refused) -> str:
    lines = [*map(_line, refused.problems), refused.advice, f"X-Request-Id: {refused.request}"]
    return "\n".join(filter(None, lines))


def _line(problem: Told) -> str:
    """A place as the client knows it: without the desk's envelope."""
    place = OWN.get(problem.place, problem.place)
    for name in (RECORD, TRACE, "MStatistic", "MVotes"):
        place = place.removeprefix(f"/{name}")
    where = " ".join(filter(None, (place, f"({problem.rule})" if problem.rule else "")))
    return f"{problem.code}: {problem.title}" + (f" · {where}" if where else "")


def _result(status: int, message: str) -> Reply:
    return _json({"Status": int(status), "Message": message}, status)


def _json(document: dict[str, object], status: int) -> Reply:
    return Reply(body=msgspec.json.encode(document), status=status)
