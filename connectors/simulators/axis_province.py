"""The document axis as Quảng Nam's gateway offers it (``truclienthong``): a token for the client's key and secret, beside it each unit's own secret.

``GET …/vanbans``, ``GET|PUT …/vanbans/{docId}``, ``POST …/vanbans`` with the document in base64, ``GET …/donvilienthongs[/qn]``, ``POST|PUT …/donvilienthongs``;
answers ``{status, errorCode, errorDesc, data}``. Where ``secretDonVi``, ``loaiVanBan`` and ``status`` stand nobody says: a header, the query and the
body are looked at. A document is answered in base64 or as it stands (``bare``). What the gateway says no to it says as WSO2 does, with ``fault``.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import msgspec

from connectors.simulators.axis_box import LEAVE, MARK, REGISTER, SEND, STATES, Agency
from connectors.simulators.axis_papers import EDOC, STATUS, faults, is_agency, read
from connectors.simulators.axis_proof import VIETNAM
from connectors.simulators.desk import Said, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.simulators.axis_box import Box, Letter
    from connectors.simulators.desk import Call

TOKEN, LIFE = "token", timedelta(seconds=3600)
LIST, FETCH, UNITS = "vanbans", "vanban", "donvilienthongs"
NO, STRANGER, UNKNOWN, BAD = "-3", "-1", "-2", "-4"
BAD_CLIENT, BAD_TOKEN = 900901, 900902
BESIDE = "secretDonVi"
"""Where the unit's secret stands."""
_PATH = re.compile(r"/truclienthong/v[\d.]+/(?:(vanbans)(?:/([^/]+))?|(donvilienthongs)(/qn)?)")
_OPERATIONS = {
    ("GET", False): LIST,
    ("GET", True): FETCH,
    ("POST", False): SEND,
    ("PUT", True): MARK,
}
_UNIT_OPERATIONS = {"GET": UNITS, "POST": REGISTER, "PUT": LEAVE}


class Province:
    """``client``: ``key:secret`` of the gateway's client, empty: any two words. ``secret``: the unit's; empty: any."""

    def __init__(
        self, box: Box, secret: str, *, clock: Callable[[], datetime], client: str = "", bare: bool = False
    ) -> None:
        self._box, self._secret, self._client = box, secret, client
        self._clock, self._bare = clock, bare
        self._tokens: dict[str, datetime] = {}
        self._does: Mapping[str, Callable[[Call, str, Mapping[str, Any]], Said]] = {
            LIST: self._list,
            FETCH: self._fetch,
            SEND: self._send,
            MARK: self._mark,
            UNITS: self._units,
            REGISTER: self._register,
            LEAVE: self._leave,
        }

    @staticmethod
    def name(call: Call) -> str:
        if call.path.endswith(f"/{TOKEN}"):
            return TOKEN
        found = _PATH.search(call.path)
        if found is None:
            return ""
        if found[3]:
            return _UNIT_OPERATIONS.get(call.method, "")
        return _OPERATIONS.get((call.method, found[2] is not None), "")

    def answer(self, call: Call) -> Said:
        name = self.name(call)
        if name == TOKEN:
            return self._token(call)
        if not name:
            return _fault(404, 404, "No matching resource found")
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self._tokens.get(token, self._clock()) <= self._clock():
            return _fault(401, BAD_CLIENT, "Invalid Credentials")
        return self._admitted(name, call)

    def refusal(self, call: Call) -> Said:
        return _no(NO, f"Không thực hiện được {self.name(call)}")

    def expire(self) -> None:
        self._tokens.clear()

    def tokens(self) -> tuple[str, ...]:
        return tuple(self._tokens)

    @staticmethod
    def wanted(call: Call) -> str:
        """Return the number of the document that a call is about."""
        found = _PATH.search(call.path)
        return unquote(found[2] or "") if found else ""

    def _token(self, call: Call) -> Said:
        kind, _, shown = call.headers.get("authorization", "").partition(" ")
        try:
            client = base64.b64decode(shown, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            client = ""
        known = client == self._client if self._client else len(list(filter(None, client.split(":")))) > 1
        if kind != "Basic" or not known:
            return say({"error": "invalid_client", "error_description": "Client Authentication failed."}, 401)
        asked = parse_qs(call.body.decode("latin-1"))
        if call.method != "POST" or asked.get("grant_type") != ["client_credentials"]:
            return say(
                {"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"}, 400
            )
        token = secrets.token_hex(16)
        self._tokens[token] = self._clock() + LIFE
        granted = {"access_token": token, "scope": "am_application_scope default"}
        return say({**granted, "token_type": "Bearer", "expires_in": int(LIFE.total_seconds())})

    def _admitted(self, name: str, call: Call) -> Said:
        body = _read(call.body)
        said = {**body, **_queried(call)}
        shown = call.headers.get(BESIDE.lower()) or said.get(BESIDE)
        if not shown or (self._secret and shown != self._secret):
            return _no(STRANGER, "Mã bí mật của đơn vị không đúng", 401)
        return self._does[name](call, self.wanted(call), {**call.headers, **said})

    def _list(self, _: Call, __: str, ___: Mapping[str, Any]) -> Said:
        found = [one for kind in (EDOC, STATUS) for one in self._box.waiting(kind)]
        return _yes(data=[_row(one, self._box.unit) for one in sorted(found, key=lambda one: one.at)])

    def _fetch(self, _: Call, number: str, __: Mapping[str, Any]) -> Said:
        letter = self._box.letter(number)
        if letter is None:
            return _no(UNKNOWN, "Không có văn bản này")
        bare = letter.body.decode("utf-8", "replace")
        return _yes(data=bare if self._bare else base64.b64encode(letter.body).decode())

    def _send(self, call: Call, _: str, said: Mapping[str, Any]) -> Said:
        kind = _said(said, "loaiVanBan")
        if kind not in {EDOC, STATUS}:
            return _no(BAD, "loaiVanBan là edoc hoặc status")
        body = _document(call.body)
        if body is None:
            return _no(BAD, "Không có edXML dạng base64")
        wrong = faults(body)
        if not wrong and read(body).kind != kind:
            wrong = [f"gói tin không phải {kind}"]
        if wrong:
            return _no(BAD, "; ".join(wrong))
        return _yes(docId=self._box.send(read(body), body))

    def _mark(self, _: Call, number: str, said: Mapping[str, Any]) -> Said:
        state = _said(said, "status")
        if state not in STATES:
            return _no(BAD, f"status là một trong {', '.join(STATES)}")
        if not self._box.mark(number, state):
            return _no(UNKNOWN, "Không có văn bản này")
        return _yes()

    def _units(self, _: Call, __: str, ___: Mapping[str, Any]) -> Said:
        rows = [
            {"id": one.code, "code": one.code, "name": one.name, "pid": one.parent}
            for one in self._box.agencies.values()
        ]
        return _yes(data=rows)

    def _register(self, _: Call, __: str, said: Mapping[str, Any]) -> Said:
        code, name = _said(said, "code"), _said(said, "name")
        if not is_agency(code) or not name:
            return _no(BAD, "Thiếu code hoặc name, hoặc code không phải mã định danh")
        self._box.register(Agency(code=code, name=name, parent=_said(said, "pcode")))
        return _yes()

    def _leave(self, _: Call, __: str, said: Mapping[str, Any]) -> Said:
        left = self._box.leave(_said(said, "agencyCode"))
        return _yes() if left else _no(UNKNOWN, "Không có đơn vị này")


def _read(body: bytes) -> dict[str, Any]:
    """Return what a JSON body says; other bodies say nothing by name."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _queried(call: Call) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(call.query).items()}


def _said(said: Mapping[str, Any], name: str) -> str:
    """Headers come in small letters."""
    value = said.get(name, said.get(name.lower()))
    return value if isinstance(value, str) else ""


def _document(body: bytes) -> bytes | None:
    """Return the one document in base64 that the body is, or that stands in its JSON."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = body.decode("latin-1")
    texts = told.values() if isinstance(told, dict) else [told]
    found = [made for text in texts if isinstance(text, str) and (made := _decoded(text))]
    return found[0] if len(found) == 1 else None


def _decoded(text: str) -> bytes:
    """Return the XML in a base64 text, or nothing."""
    try:
        made = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return made if made.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") else b""


def _row(letter: Letter, unit: str) -> dict[str, str]:
    return {
        "docId": letter.number,
        "serviceType": "eDoc",
        "messageType": letter.paper.kind,
        "from": letter.paper.sender,
        "to": unit,
        "status": letter.state,
        "statusDesc": letter.state.capitalize(),
        "createdTime": f"{letter.at.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}",
    }


def _yes(**more: object) -> Said:
    return say({"status": "OK", "errorCode": "0", "errorDesc": "Thành công", **more})


def _no(code: str, text: str, status: int = 200) -> Said:
    return say({"status": "FAIL", "errorCode": code, "errorDesc": text}, status)


def _fault(status: int, code: int, text: str) -> Said:
    return say({"fault": {"code": code, "message": text, "description": text}}, status)
