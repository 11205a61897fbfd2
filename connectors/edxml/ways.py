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
    """One document that lies ready. ``sender``: the code of who sent it, as the axis says."""

    id: str
    sender: str
    created: str


class Way(Protocol):
    def send(self, payload: bytes, kind: Type, now: datetime) -> Request: ...
    def listing(self, kind: Type, now: datetime) -> Request: ...
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
    known = {name.lower(): str(value) for name, value in said.items() if isinstance(value, str | int)}
    created = known.get("created_time") or known.get("createdtime") or ""
    return Entry(known.get("docid", ""), known.get("from", ""), created)


def _decoded(told: Told, pointer: str) -> bytes | None:
    found = at(told.document, pointer)
    if not isinstance(found, str):
        return None
    try:
        return b64decode("".join(found.split()), validate=True)
    except (Error, ValueError):
        return None


class _Vxp:
    def __init__(self, settings: Settings, told: Vxp, secret: str) -> None:
        self._settings, self._told, self._secret = settings, told, secret

    def send(self, payload: bytes, kind: Type, now: datetime) -> Request:
        headers = {
            "Content-Type": "application/octet-stream",
            "from": self._settings.own,
            "to": json.dumps([self._settings.organ]),
            "servicetype": self._told.service,
            "messagetype": kind,
        }
        return self._signed(Request(path="/sendEdoc", body=payload, headers=headers), now)

    def listing(self, kind: Type, now: datetime) -> Request:
        days = now.astimezone(VIETNAM)
        asked = {
            "servicetype": self._told.service,
            "messagetype": kind,
            "fromDate": (days - timedelta(days=self._settings.look_back)).strftime(self._told.dates),
            "toDate": (days + timedelta(days=1)).strftime(self._told.dates),
        }
        return self._json("/getReceivedEdocList", asked, now)

    def fetch(self, document: str, now: datetime) -> Request:
        return self._json("/getEdoc", {"docId": document, "filePath": ""}, now)

    def mark(self, document: str, now: datetime, *, done: bool) -> Request:
        return self._json("/updateStatus", {"docid": document, "status": "done" if done else "fail"}, now)

    def document(self, body: bytes, told: Told) -> bytes | None:
        return body if told.document is None else _decoded(told, self._told.document)

    def _json(self, path: str, asked: dict[str, str], now: datetime) -> Request:
        return self._signed(Request(path=path, body=msgspec.json.encode(asked), headers=JSON), now)

    def _signed(self, request: Request, now: datetime) -> Request:
        """Sign the headers that name system, time and content: hex(HMAC-SHA256(secret, their JSON))."""
        told, local = self._told, now.astimezone(VIETNAM)
        prefix = told.prefix
        signed = {
            prefix + told.system_header: told.system,
            prefix + told.time_header: f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04d}",
            prefix + told.content_header: hashlib.sha256(request.body).hexdigest(),
        }
        over = json.dumps(signed, separators=(",", ":"))
        code = hmac.digest(self._secret.encode(), over.encode(), "sha256").hex()
        headers = {
            **request.headers,
            **signed,
            prefix + "sign-header": over,
            prefix + "sign-header-key": ";".join(signed),
            prefix + "hash-header": code,
            prefix + "version": told.version,
        }
        return msgspec.structs.replace(request, headers=headers, secrets=(self._secret, code))


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

    def fetch(self, document: str, now: datetime) -> Request:  # noqa: ARG002 - the way says no time
        return self._request("GET", f"/vanbans/{quote(document, safe='')}")

    def mark(self, document: str, now: datetime, *, done: bool) -> Request:  # noqa: ARG002 - the way says no time
        body = msgspec.json.encode({"status": "DONE" if done else "FAIL"})
        return self._request("PUT", f"/vanbans/{quote(document, safe='')}", body)

    def document(self, body: bytes, told: Told) -> bytes | None:
        return body if told.document is None else _decoded(told, self._told.document)

    def _request(self, method: str, path: str, body: bytes = b"") -> Request:
        return Request(
            path=self._told.path + path,
            method=method,
            body=body,
            headers={**JSON, self._told.secret_header: self._secret},
            secrets=(self._secret,),
        )
