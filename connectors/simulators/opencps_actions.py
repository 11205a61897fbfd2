"""An OpenCPS one-stop that is told what happens to its dossiers, as its published server takes it (facts §5.5, S2).

``POST …/dossiers/{id}/actions`` with a form: ``actionCode``, ``actionUser``, ``actionNote``, ``payment`` (JSON), ``dueDate`` (milliseconds); ``POST
…/dossiers/{id}/files`` with ``multipart/form-data``: ``dossierPartNo`` and ``file``. ``{id}`` is the dossier's number or
its ``referenceUid``. ``POST …/dossiers`` opens one (``DossierInputModel``): service, agency and template have to be there; one whose ``referenceUid`` is
there already is answered with what there is. ``GET …/dossiers/{id}`` tells it; one that is not there is 403 *No Content.* HTTP Basic, and the site's own number in
the header ``groupId``. Its answers are its code's: an action or a file that is taken is 200 and the record of it; a dossier that it does not find, at
this site or at all, and an action that its process does not allow are 405; whoever is not known is **203**, with ``code`` and ``message``; whatever else goes
wrong is 403 *No Content.* It knows no keys: an action that comes twice is done twice.

Run: ``python -m connectors.simulators.opencps_actions --port 9012 --journal var/opencps.jsonl --secret-file keys/opencps.txt --unit 000.00.00.H47``
"""

from __future__ import annotations

from base64 import b64encode
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

import msgspec

from connectors.simulators.desk import say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.desk import Call, Journal, Said

ACTIONS, FILES, DOSSIERS, LOOK = "actions", "files", "dossiers", "look"
NEEDED = ("referenceUid", "serviceCode", "govAgencyCode", "dossierTemplateNo")
"""Without them it finds no process for a dossier (all but the first, which it would make up)."""
FORM = "application/x-www-form-urlencoded"
USER, GROUP = "lienthong", "35301"
CANNOT = "Lỗi xảy ra không thể thực hiện hành động!"
FIRST_ACTION = 4711
_Form = dict[str, bytes]


class _Failed(Exception):  # noqa: N818 - becomes an answer
    """An exception inside its server, with its words."""


class OpenCpsActions:
    """``unit``: of the codes of its own dossiers. ``group``: the site's number."""

    def __init__(self, journal: Journal, secret: str = "", *, unit: str, group: str = GROUP) -> None:
        self.journal, self._secret, self._unit, self._group = journal, secret, unit, group
        self._opened: dict[str, int] = {}

    def name(self, call: Call) -> str:
        return LOOK if call.method == "GET" else call.path.rpartition("/")[2]

    def answer(self, call: Call) -> Said:
        opening = call.path.endswith(f"/{DOSSIERS}")
        dossier, _, what = call.path.rpartition(f"/{DOSSIERS}/")[2].partition("/")
        posts = call.method == "POST" and (opening or what in {ACTIONS, FILES})
        looks = call.method == "GET" and not opening and not what
        if not (posts or looks):
            return say({"message": "Not found", "code": 404, "description": ""}, 404)
        if not self._known(call):
            told = "Non-Authoritative Information."
            return say({"message": told, "code": 203, "description": told}, 203)
        code = unquote(dossier)
        here = opening or looks or code in self._opened or code.startswith(f"{self._unit}-")
        if call.headers.get("groupid") != self._group or not here:
            return self.refusal(call)
        try:
            if opening or looks:
                return self._open(call) if opening else self._tell(code)
            return self._act(call, code) if what == ACTIONS else self._file(call, code)
        except _Failed as failed:
            return say({"message": "No Content.", "code": 403, "description": str(failed)}, 403)

    def refusal(self, _: Call) -> Said:
        return say({"error": CANNOT}, 405)

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret, _basic(self._secret)) if self._secret else ()

    def _known(self, call: Call) -> bool:
        return not self._secret or call.headers.get("authorization") == f"Basic {_basic(self._secret)}"

    def _open(self, call: Call) -> Said:
        form = _fields(call)
        missing = [name for name in NEEDED if not form.get(name)]
        if missing or not form.get("originality", "").isdigit():
            raise _Failed(", ".join(missing) or "originality")
        code = form["referenceUid"]
        if code not in self._opened:
            self._opened[code] = FIRST_ACTION + len(self.journal.entries)
            self.journal.record(DOSSIERS, call.body, dossier=code, reference=str(self._opened[code]))
        return self._tell(code)

    def _tell(self, code: str) -> Said:
        if code not in self._opened:
            raise _Failed("dossier")
        return say({"dossierId": self._opened[code], "referenceUid": code, "dossierNo": ""})

    def _act(self, call: Call, dossier: str) -> Said:
        """Only what comes as a form is read; anything else is an action without a code."""
        form = _fields(call) if call.headers.get("content-type", "").startswith(FORM) else {}
        if not form.get("actionCode"):
            return self.refusal(call)
        if "payment" in form:
            _object(form["payment"])
        if form.get("dueDate", "0").strip("0123456789"):
            return say({"message": "Bad Request", "code": 400, "description": "dueDate"}, 400)
        number = FIRST_ACTION + len(self.journal.entries)
        self.journal.record(form["actionCode"], call.body, dossier=dossier, reference=str(number))
        return say(
            {
                "dossierActionId": number,
                "dossierId": len(dossier),
                "groupId": int(self._group),
                "sequenceNo": "",
            }
        )

    def _file(self, call: Call, dossier: str) -> Said:
        parts = _parts(call)
        part, content = parts.get("dossierPartNo", b"").decode(), parts.get("file")
        if not part or content is None:
            raise _Failed("dossierPartNo, file")
        number = FIRST_ACTION + len(self.journal.entries)
        self.journal.record(FILES, content, dossier=dossier, reference=str(number))
        shown = parts.get("displayName", b"").decode()
        return say(
            {
                "dossierFileId": number,
                "referenceUid": f"{number:08x}",
                "dossierPartNo": part,
                "displayName": shown,
                "fileSize": len(content),
            }
        )


def _basic(secret: str) -> str:
    return b64encode(f"{USER}:{secret}".encode()).decode()


def _fields(call: Call) -> Mapping[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace")))


def _object(text: str) -> None:
    try:
        msgspec.json.decode(text, type=dict)
    except msgspec.MsgspecError as error:
        raise _Failed(str(error)) from None


def _parts(call: Call) -> _Form:
    """Read ``multipart/form-data`` (RFC 7578); nothing where it is something else."""
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + call.body)
    if message.get_content_type() != "multipart/form-data":
        return {}
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True) or b"")
        for part in message.iter_parts()
    }


def main() -> None:
    parser = options("Simulated OpenCPS one-stop that takes actions and files")
    parser.add_argument("--unit", required=True, help="of the codes of its own dossiers")
    parser.add_argument("--group", default=GROUP, help="the site's own number")
    told = parser.parse_args()
    secret = secret_of(told)
    serve(
        told.port,
        told.journal,
        lambda journal: OpenCpsActions(journal, secret, unit=told.unit, group=told.group),
    )


if __name__ == "__main__":
    main()
