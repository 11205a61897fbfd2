"""The document axis as two interfaces offer it to units: the national one and a province's platform in front of it.

Written from what is known of both (docs/explanation/wire-formats.md), not from the room. What a unit sends lies in the addressee's inbox until that
marks it; a second copy is a second document, as on the real one.
Run: ``python -m connectors.simulators.axis --port 9004 --journal var/axis.jsonl --secret-file unit.txt``
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from connectors.simulators.desk import Call, Entry, Journal

LODGE = "/__lodge"
"""``POST /__lodge?from=<unit>&kind=edoc|status``: what another unit sends, without its key."""
SEND, LIST, FETCH, MARK, TOKEN = "sendEdoc", "getReceivedEdocList", "getEdoc", "updateStatus", "token"
SENT = "getSentEdocList"
PLATFORM = "/truclienthong/v1.0.0/vanbans"
_VXP = {f"/{name}": name for name in (SEND, LIST, SENT, FETCH, MARK)}
_CODE = re.compile(rb"[0-9A-Z]+(?:\.[0-9A-Z]+)+-\d{6}-\d{4,7}")
_STATES = {"done": "DONE", "fail": "FAIL", "DONE": "DONE", "FAIL": "FAIL"}


class Axis:
    """``secret``: of the unit that calls. ``unit``: its code; it reads its own inbox only."""

    def __init__(self, journal: Journal, secret: str = "", unit: str = "000.00.00.H47") -> None:
        self.journal, self._secret, self._unit = journal, secret, unit
        self._tokens: set[str] = set()
        self._codes: set[str] = set()
        self._given = 0
        self.documents: dict[str, dict[str, Any]] = {}
        self.raw: dict[str, bytes] = {}
        for entry in journal.entries:
            self._know(entry)

    # --- for those who play the other units

    def lodge(self, sender: str, raw: bytes, kind: str = "edoc", to: str = "", name: str = "") -> str:
        """Put a document into a unit's inbox, as its sender's system would."""
        made = name or f"VXP-{len(self.documents) + 1:06d}"
        self._put(made, sender, to or self._unit, kind, raw)
        return made

    def _lodged(self, call: Call) -> str:
        sender, kind = call.parameter("from"), call.parameter("kind") or "edoc"
        name = self.lodge(sender, call.body, kind)
        self.journal.record("lodged", call.body, key=f"{sender} {self._unit} {kind}", reference=name)
        return name

    def sent(self, kind: str) -> list[bytes]:
        return [
            self.raw[name]
            for name, said in self.documents.items()
            if said["messageType"] == kind and said["from"] == self._unit
        ]

    # --- the desk

    def name(self, call: Call) -> str:
        if call.path in _VXP:
            return _VXP[call.path]
        if call.path in {"/token", LODGE}:
            return TOKEN if call.path == "/token" else "lodged"
        one = call.path.startswith(PLATFORM + "/")
        return {("POST", False): SEND, ("GET", False): LIST, ("GET", True): FETCH}.get(
            (call.method, one), MARK
        )

    def answer(self, call: Call) -> Said:
        if call.path == "/token":
            return self._token()
        if call.path == LODGE:
            return say({"docId": self._lodged(call)})
        if call.path in _VXP:
            return self._vxp(_VXP[call.path], call) if self._proves(call) else _told("1", "Sai chữ ký", 401)
        if call.path == PLATFORM or call.path.startswith(PLATFORM + "/"):
            return self._shut_out(call) or self._platform(call)
        return _told("404", "Không có đường dẫn này", 404)

    def _shut_out(self, call: Call) -> Said | None:
        """The gateway wants a token, the interface behind it the unit's secret."""
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return say({"fault": {"code": 900902}}, 401)
        if self._secret and call.headers.get("secretdonvi") != self._secret:
            return _told("1", "Sai secretDonVi", 403, small=True)
        return None

    def refusal(self, call: Call) -> Said:
        return _told("-3", "Văn bản không hợp lệ", small=call.path.startswith(PLATFORM))

    def expire(self) -> None:
        self._tokens.clear()

    def secrets(self) -> tuple[str, ...]:
        return (*((self._secret,) if self._secret else ()), *self._tokens, *self._codes)

    def _token(self) -> Said:
        self._given += 1
        token = f"token-{self._given}-{hashlib.sha256(self._secret.encode()).hexdigest()[:16]}"
        self._tokens.add(token)
        return say({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "default"})

    def _proves(self, call: Call) -> bool:
        """Check the code over the signed headers, and that these are the call's own."""
        told = {name.removeprefix("xroadvnpt-"): value for name, value in call.headers.items()}
        over = told.get("sign-header", "")
        self._codes.add(told.get("hash-header", "-"))
        made = hmac.digest(self._secret.encode(), over.encode(), "sha256").hex()
        try:
            signed = msgspec.json.decode(over, type=dict[str, str])
        except msgspec.DecodeError:
            return False
        return (
            hmac.compare_digest(made, told.get("hash-header", ""))
            and list(signed) == [f"XroadVnpt-{each}" for each in told.get("sign-header-key", "").split(";")]
            and all(call.headers.get(name.lower()) == value for name, value in signed.items())
            and hashlib.sha256(call.body).hexdigest() in signed.values()
            and told.get("version") == "3.0.201608"
        )

    def _vxp(self, operation: str, call: Call) -> Said:
        if operation == SEND:
            to = msgspec.json.decode(call.headers["to"], type=list[str])
            return self._take(call.headers["from"], to, call.headers["messagetype"], call.body)
        asked = msgspec.json.decode(call.body, type=dict[str, str])
        if operation == LIST:
            return _told("0", "", data=self._inbox(asked["messagetype"]))
        if operation == SENT:
            return _told("0", "", data=self._outbox(asked["messagetype"]))
        if operation == FETCH:
            raw = self.raw.get(asked["docId"])
            return (
                _told("2", "Không có văn bản")
                if raw is None
                else Said(body=raw, media_type="application/octet-stream")
            )
        return self._mark(asked["docid"], asked["status"], small=False)

    def _platform(self, call: Call) -> Said:
        one = unquote(call.path.removeprefix(PLATFORM).strip("/"))
        if call.method == "GET" and one:
            raw = self.raw.get(one)
            if raw is None:
                return _told("2", "Không có văn bản", small=True)
            return _told("0", "", data=base64.b64encode(raw).decode(), small=True)
        if call.method == "GET":
            kind = parse_qs(call.query).get("loaiVanBan", ["edoc"])[0]
            return _told("0", "", data=self._inbox(kind), small=True)
        said = msgspec.json.decode(call.body, type=dict[str, Any])
        if call.method == "PUT":
            return self._mark(one, said["status"], small=True)
        return self._take(
            said["from"], said["to"], said["loaiVanBan"], base64.b64decode(said["data"]), small=True
        )

    def _take(self, sender: str, to: list[str], kind: str, raw: bytes, *, small: bool = False) -> Said:
        if b"edXML" not in raw:
            return _told("3", "Không phải edXML", small=small)
        found = _CODE.search(raw)
        name = f"VXP-{len(self.documents) + 1:06d}"
        self.journal.record(
            SEND if kind == "edoc" else "sendStatus",
            raw,
            key=f"{sender} {to[0]} {kind}",
            dossier=found[0].decode() if found else "",
            reference=name,
        )
        self._put(name, sender, to[0], kind, raw)
        return say(
            {
                "status": "OK",
                "errorCode" if small else "ErrorCode": "0",
                "errorDesc" if small else "ErrorDesc": "",
                "data" if small else "DocId": {"docId": name} if small else name,
            }
        )

    def _know(self, entry: Entry) -> None:
        if entry.operation == MARK:
            name, state = entry.key.split(" ")
            if name in self.documents:
                self.documents[name]["status"] = state
            return
        sender, to, kind = entry.key.split(" ")
        self._put(entry.reference, sender, to, kind, entry.body.encode())

    def _put(self, name: str, sender: str, to: str, kind: str, raw: bytes) -> None:
        self.raw[name] = raw
        self.documents[name] = {
            "docId": name, "serviceType": "eDoc", "messageType": kind, "created_time": f"{len(self.documents):06d}",
            "updated_time": "", "from": sender, "to": to, "status": "INITIAL", "status_desc": "",
        }  # fmt: skip

    def _inbox(self, kind: str) -> list[dict[str, Any]]:
        return [
            said
            for said in self.documents.values()
            if said["to"] == self._unit
            and said["messageType"] == kind
            and said["status"] in {"INITIAL", "PROCESSING"}
        ]

    def _outbox(self, kind: str) -> list[dict[str, Any]]:
        """What it calls things here is not what it calls them in an inbox."""
        return [
            {
                "senderDocId": name, "serviceType": "eDoc", "messageType": kind, "fromCode": said["from"], "toCode": said["to"],
                "sentTime": said["created_time"], "sendStatus": "DONE", "receiveStatus": said["status"],
            }
            for name, said in self.documents.items()
            if said["from"] == self._unit and said["messageType"] == kind
        ]  # fmt: skip

    def _mark(self, name: str, said: str, *, small: bool) -> Said:
        if name not in self.documents or said not in _STATES:
            return _told("2", "Không có văn bản", small=small)
        if self.documents[name]["status"] != _STATES[said]:
            self.journal.record(MARK, said.encode(), key=f"{name} {_STATES[said]}")
        self.documents[name]["status"] = _STATES[said]
        return _told("0", "", small=small)


def _told(code: str, words: str, status: int = 200, *, data: object = None, small: bool = False) -> Said:
    """``small``: the platform's spelling."""
    names = ("errorCode", "errorDesc") if small else ("ErrorCode", "ErrorDesc")
    told: dict[str, Any] = {"status": "OK" if code == "0" else "FAIL", names[0]: code, names[1]: words}
    if data is not None:
        told["data"] = data
    return say(told, status)


def main() -> None:
    parser = options("Simulated document axis")
    parser.add_argument("--unit", default="000.00.00.H47", help="code of the unit that calls")
    arguments = parser.parse_args()
    secret = secret_of(arguments)
    serve(arguments.port, arguments.journal, lambda journal: Axis(journal, secret, arguments.unit))


if __name__ == "__main__":
    main()
