"""Credentials that stand in a file, and codes made with one: nothing is asked for first."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from string import Formatter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from connectors.contract import Reason
from connectors.credentials.contract import Shown
from connectors.credentials.sessions import NotIn
from connectors.transport import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.credentials.settings import ApiKey, Mac

Put = Callable[[Request], Request | NotIn]

NO_OBJECT = NotIn(
    reason=Reason(code="HUB-CFG-001", detail="auth.place = body: the payload is no JSON object"), counts=False
)

_DIGESTS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "hmac-sha256": lambda secret, over: hmac.digest(secret, over, "sha256"),
    "hmac-sha512": lambda secret, over: hmac.digest(secret, over, "sha512"),
    "hmac-sha1": lambda secret, over: hmac.digest(secret, over, "sha1"),
    "sha256": lambda _, over: hashlib.sha256(over).digest(),
}
_WRITTEN: Mapping[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "HEX": lambda made: made.hex().upper(),
    "base64": lambda made: b64encode(made).decode(),
}


class Fixed:
    """``put`` is pure; nothing that a partner answers makes it lapse."""

    def __init__(self, put: Put) -> None:
        self._put = put

    async def show(self, request: Request) -> Shown:
        return Shown(self._put(request))

    def lapsed(self, shown: Request, answer: Answer) -> bool:  # noqa: ARG002 - nothing can be fetched anew
        return False

    async def close(self) -> None:
        return


def nothing(request: Request) -> Request:
    return request


def in_headers(headers: Mapping[str, str], *secrets: str) -> Put:
    return lambda request: with_headers(request, headers, *secrets)


def with_headers(request: Request, headers: Mapping[str, str], *secrets: str) -> Request:
    return _replaced(request, secrets, headers={**request.headers, **headers})


def basic(user: str, password: str) -> str:
    """RFC 7617 §2."""
    return b64encode(f"{user}:{password}".encode()).decode()


def key(auth: ApiKey, secret: str) -> Put:
    quoted = quote(secret, safe="")
    match auth.place:
        case "header":
            return in_headers({auth.header: secret}, secret)
        case "query":
            return lambda request: _replaced(
                request, (secret, quoted), path=_with_query(request.path, f"{auth.name}={quoted}")
            )
        case "path":
            return lambda request: _replaced(
                request, (secret, quoted), path=_with_segment(request.path, quoted)
            )
        case "body":
            told = json.dumps(secret, ensure_ascii=False)
            return lambda request: _in_body(request, f"{json.dumps(auth.name)}:{told}", (secret, told[1:-1]))


def _with_query(path: str, parameter: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{parameter}"


def _with_segment(path: str, segment: str) -> str:
    before, mark, query = path.partition("?")
    return f"{before.rstrip('/')}/{segment}{mark}{query}"


def _in_body(request: Request, member: str, secrets: tuple[str, ...]) -> Request | NotIn:
    """Write a member before all others of a JSON object; a question without a body carries nothing."""
    if not request.body:
        return request
    rest = request.body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if rest[:1] != b"{":
        return NO_OBJECT
    rest = rest[1:].lstrip()
    comma = b"" if rest[:1] == b"}" else b","
    return _replaced(request, secrets, body=b"{" + member.encode() + comma + rest)


def _replaced(request: Request, secrets: tuple[str, ...], **changed: Any) -> Request:  # noqa: ANN401 - fields of a request
    return msgspec.structs.replace(request, secrets=(*request.secrets, *secrets), **changed)


class Recipe:
    """A gateway's own code over parts of the request (``settings.Mac``). ``now``: the wall clock."""

    def __init__(self, auth: Mac, secret: str, now: Callable[[], datetime]) -> None:
        self._auth, self._secret, self._now = auth, secret, now

    def __call__(self, request: Request) -> Request:
        auth, time = self._auth, self._time()
        words = {"time": time, "id": auth.id}
        over = auth.joined.encode().join(fill(part, self._parts(request, time)) for part in auth.over)
        made = _WRITTEN[auth.encoding](_DIGESTS[auth.algorithm](self._secret.encode(), over))
        headers = {auth.header: auth.value.format(mac=made, **words)}
        headers |= {name: words["time"] for name in (auth.time_header,) if name}
        headers |= {name: words["id"] for name in (auth.id_header,) if name}
        return with_headers(request, headers, self._secret)

    def _parts(self, request: Request, time: str) -> Mapping[str, bytes]:
        said = {
            "method": request.method,
            "path": request.path.partition("?")[0],
            "target": request.path,
            "time": time,
            "id": self._auth.id,
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "secret": self._secret,
        }
        return {name: value.encode() for name, value in said.items()} | {"body": request.body}

    def _time(self) -> str:
        now, form = self._now(), self._auth.time
        if form == "unix":
            return str(int(now.timestamp()))
        if form == "unix-ms":
            return str(int(now.timestamp() * 1000))
        return now.astimezone(timezone(timedelta(hours=self._auth.offset))).strftime(form)


def fill(template: str, words: Mapping[str, bytes]) -> bytes:
    """Fill in bytes where ``str.format`` would fill in text."""
    return b"".join(
        text.encode() + (words[place] if place is not None else b"")
        for text, place, _, _ in Formatter().parse(template)
    )
