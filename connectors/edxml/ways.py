"""The two interfaces of the axis: how each call is written, and what stands in its answer. Pure; ``now`` is passed in."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote

import msgspec

from connectors.replies import at
from connectors.transport import Request

if TYPE_CHECKING:
    from connectors.edxml.replies import Told
    from connectors.edxml.settings import Platform, Settings, Vxp

Type = Literal["edoc", "status"]
TYPES: tuple[Type, ...] = ("edoc", "status")
VIETNAM = timezone(timedelta(hours=7))
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Entry(msgspec.Struct, frozen=True):
    """One document in a list. ``sender``, ``receiver``: codes, as the axis says; ``kind``: its type, empty where the list does not say.

    ``texts``: all that stands in its line.
    """

    id: str
    sender: str
    created: str
    receiver: str = ""
    kind: str = ""
    texts: frozenset[str] = frozenset()


class Way(Protocol):
    def send(self, payload: bytes, kind: Type, now: datetime) -> Request: ...
    def listing(self, kind: Type, now: datetime) -> Request: ...

    def sent(self, kind: Type, since: datetime | None, now: datetime) -> Request | None:
        """Ask for the list of what we sent from ``since`` on; ``None``: this interface has none."""
        ...

    def fetch(self, document: str, now: datetime) -> Request: ...
    def mark(self, document: str, now: datetime, *, done: bool) -> Request: ...

    def document(self, body: bytes, told: Told) -> bytes | None:
        """Return the edXML of an answer to ``fetch``; ``None`` when there is none in it."""
        ...


def way_of(settings: Settings, secret: str) -> Way:
    told = settings.way
    return _Vxp(settings, told, secret) if told.kind == "vxp" else _Platform(settings, told, secret)


def entries(told: Told) -> tuple[Entry, ...] | None:
    """Return what a list holds, oldest first; ``None`` when it is no list."""
    listed = told.document.get("data") if isinstance(told.document, dict) else None
    if listed is None and told.good:
        return ()
    if not isinstance(listed, list):
        return None
    found = [_entry(each) for each in listed if isinstance(each, dict)]
    return tuple(sorted((each for each in found if each.id), key=lambda each: each.created))


def _entry(said: dict[str, Any]) -> Entry:
    known = {name.lower(): _text(value) for name, value in said.items()}

    def first(*names: str) -> str:
        return next((known[name] for name in names if known.get(name)), "")

    return Entry(
        id=first("docid", "senderdocid"),
        sender=first("from", "fromcode"),
        created=first("created_time", "createdtime", "senttime"),
        receiver=first("to", "tocode"),
        kind=first("messagetype", "loaivanban").lower(),
        texts=frozenset(known.values()),
    )


def _text(value: object) -> str:
    """Return a value as one text: whom something went to is a code, several in a list, or a list in a text."""
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value).strip() if isinstance(value, str | int) else ""


def _decoded(told: Told, pointer: str) -> bytes | None:
    """Return the document that stands in JSON, in base64 or as it is."""
    found = at(told.document, pointer)
    if not isinstance(found, str):
        return None
    if found.lstrip("\ufeff \r\n\t").startswith("<"):
        return found.encode()
    try:
        return b64decode("".join(found.split()), validate=True)
    except (Error, ValueError):
        return None


class _Vxp:
    def __init__(self, settings: Settings, told: Vxp, secret: str) -> None:
        self._settings, self._told, self._secret = settings, told, secret

    def send(self, payload: bytes, kind: Type, now: datetime) -> Request:
        said = {
            "from": self._settings.own,
            "to": json.dumps([self._settings.organ]),
            "servicetype": self._told.service,
            "messagetype": kind,
        }
        headers = {"Content-Type": "application/octet-stream", **said}
        return self._signed(Request(path="/sendEdoc", body=payload, headers=headers), said, now)

    def listing(self, kind: Type, now: datetime) -> Request:
        since = now - timedelta(days=self._settings.look_back)
        return self._json("/getReceivedEdocList", self._days(kind, since, now), now)

    def sent(self, kind: Type, since: datetime | None, now: datetime) -> Request | None:
        begin = since - timedelta(days=1) if since else now - timedelta(days=self._settings.look_back)
        return self._json("/getSentEdocList", self._days(kind, begin, now), now)

    def _days(self, kind: Type, since: datetime, now: datetime) -> dict[str, str]:
        """One day more at the end: clocks differ."""
        begin, end = since.astimezone(VIETNAM), now.astimezone(VIETNAM) + timedelta(days=1)
        return {
            "servicetype": self._told.service,
            "messagetype": kind,
            "fromDate": begin.strftime(self._told.dates),
            "toDate": end.strftime(self._told.dates),
        }

    def fetch(self, document: str, now: datetime) -> Request:
        return self._json("/getEdoc", {"docId": document, "filePath": ""}, now)

    def mark(self, document: str, now: datetime, *, done: bool) -> Request:
        return self._json("/updateStatus", {"docid": document, "status": "done" if done else "fail"}, now)

    def document(self, body: bytes, told: Told) -> bytes | None:
        if told.document is not None:
            return _decoded(told, self._told.document)
        return body if b"<" in body[:64] else None  # what is no XML is no document

    def _json(self, path: str, asked: dict[str, str], now: datetime) -> Request:
        """What is asked stands in the body and, as the axis' published client has it, in signed headers."""
        return self._signed(Request(path=path, body=msgspec.json.encode(asked), headers=JSON), asked, now)

    def _signed(self, request: Request, said: dict[str, str], now: datetime) -> Request:
        """Sign what is said, by whom, when and the content: hex(HMAC-SHA256(secret, JSON of these headers)).

        ``sign-header-key`` lists them without the prefix.
        """
        told, local = self._told, now.astimezone(VIETNAM)
        named = {
            "Content-Type": request.headers["Content-Type"],
            **said,
            told.system_header: told.system,
            told.time_header: f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04d}",
            told.content_header: self._digest(request.body),
        }
        named = {name: value for name, value in named.items() if value}
        signed = {told.prefix + name: value for name, value in named.items()}
        over = json.dumps(signed, separators=(",", ":"))
        code = hmac.digest(self._secret.encode(), over.encode(), "sha256").hex()
        headers = {
            **request.headers,
            **signed,
            told.prefix + "sign-header": over,
            told.prefix + "sign-header-key": ";".join(named),
            told.prefix + "hash-header": code,
            told.prefix + "version": told.version,
        }
        return msgspec.structs.replace(request, headers=headers, secrets=(self._secret, code))

    def _digest(self, content: bytes) -> str:
        form = "02x" if self._told.content_zeros else "x"
        return "".join(format(each, form) for each in hashlib.sha256(content).digest())


class _Platform:
    def __init__(self, settings: Settings, told: Platform, secret: str) -> None:
        self._settings, self._told, self._secret = settings, told, secret

    def send(self, payload: bytes, kind: Type, now: datetime) -> Request:  # noqa: ARG002 - the way says no time
        said = {
            "from": self._settings.own,
            "to": [self._settings.organ],
            "loaiVanBan": kind,
            self._told.file: b64encode(payload).decode(),
        }
        return self._request("POST", "/vanbans", msgspec.json.encode(said))

    def listing(self, kind: Type, now: datetime) -> Request:  # noqa: ARG002 - the way says no time
        return self._request("GET", f"/vanbans?loaiVanBan={kind}")

    def sent(self, kind: Type, since: datetime | None, now: datetime) -> Request | None:  # noqa: ARG002 - no list
        return None

    def fetch(self, document: str, now: datetime) -> Request:  # noqa: ARG002 - the way says no time
        return self._request("GET", f"/vanbans/{quote(document, safe='')}")

    def mark(self, document: str, now: datetime, *, done: bool) -> Request:  # noqa: ARG002 - the way says no time
        body = msgspec.json.encode({"status": "DONE" if done else "FAIL"})
        return self._request("PUT", f"/vanbans/{quote(document, safe='')}", body)

    def document(self, body: bytes, told: Told) -> bytes | None:  # noqa: ARG002 - it stands in the platform's JSON, or somebody else answers
        return _decoded(told, self._told.document)

    def _request(self, method: str, path: str, body: bytes = b"") -> Request:
        return Request(
            path=self._told.path + path,
            method=method,
            body=body,
            headers={**JSON, self._told.secret_header: self._secret},
            secrets=(self._secret,),
        )
