"""The upload desk: a document comes in as many requests as it takes, in the shape of the tus protocol's core.

``POST /v1/documents`` announces size, SHA-256 and media type; ``PATCH`` brings bytes from an offset on; ``HEAD`` tells
where to go on. What a ``PATCH`` was answered with is on disk, and so is every eighth megabyte of one that was cut.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hub.documents.contract import LONGEST_NAME, Look, NewUpload, Safety
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.documents.contract import Incoming, Upload

PATH = "/v1/documents"
OFFSET_STREAM = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}
LONGEST_ANNOUNCEMENT = 16 * 1024
MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}/[A-Za-z0-9][\w.+-]{0,100}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"\d{1,15}")


class Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a sender says of a document before it brings it. ``sha256``: 64 small hex digits."""

    size: Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 0})]
    sha256: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{_SHA256.pattern}$"})]
    media_type: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{MEDIA_TYPE.pattern}$"})] = (
        "application/octet-stream"
    )
    name: Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": LONGEST_NAME})] = ""


class OwnDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a document is. ``offset``: bytes that are here; ``code``: why it is not used; ``signatures``: what was seen in it."""

    id: str
    sha256: str
    size: int
    offset: int
    state: Literal["uploading", "checking", "clean", "infected"]
    expires: datetime
    code: str = ""
    signatures: Look | None = None


def add(app: FastAPI, deps: Deps) -> None:
    """Put the desk's addresses into the app."""
    desk = Uploads(deps)
    one = f"{PATH}/{{id}}"
    for path, method, endpoint in (
        (PATH, "POST", desk.announce),
        (one, "HEAD", desk.where),
        (one, "GET", desk.show),
        (one, "PATCH", desk.bring),
        (one, "DELETE", desk.cancel),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_class=Response,
            name=f"{method} {path}",
        )


class Uploads:
    """The endpoints."""

    def __init__(self, deps: Deps) -> None:
        self._deps, self._documents = deps, deps.store.documents

    async def announce(self, request: Request) -> Response:
        """Announce a document: 201 with the address to bring it to. Content that is here already is whole at once."""
        deps, caller = self._deps, await self._deps.caller(request)
        said = announcement(await _body(request, deps.limits.body_time), request.headers)
        problems = list(wrong(said))
        if problems:
            raise Refusal(*problems)
        if said.size > deps.limits.document:
            raise refuse("HUB-DOC-009", "size", rule=f"at most {deps.limits.document} bytes")
        now = deps.now()
        upload = await self._documents.announce(
            NewUpload(
                id=deps.new_id(),
                sender=caller.id,
                sha256=said.sha256,
                size=said.size,
                media_type=said.media_type,
                name=said.name,
                until=now + timedelta(seconds=deps.keeping.expires),
            ),
            quota=deps.limits.unclaimed,
            now=now,
        )
        upload = await self._whole(upload)
        headers = {"Location": f"{deps.base}{PATH}/{upload.id}", **_told(upload)}
        return _json(_view(upload), headers, HTTPStatus.CREATED)

    async def where(self, request: Request) -> Response:
        """Tell where to go on."""
        upload = await self._whole(await self._own(request))
        return Response(status_code=HTTPStatus.OK, headers=_told(upload))

    async def show(self, request: Request) -> Response:
        """Show how far the document is and whether it may be used."""
        upload = await self._whole(await self._own(request))
        look = None if upload.safety is None else await self._documents.look(upload.sha256)
        return _json(_view(upload, look), _told(upload))

    async def cancel(self, request: Request) -> Response:
        """Throw an upload away that no message has claimed."""
        upload = await self._own(request)
        await self._documents.cancel(upload.id, self._deps.now())
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=TUS)

    async def bring(self, request: Request) -> Response:
        """Take bytes from an offset on; 204 says that all of them are on disk."""
        upload = await self._own(request)
        if request.headers.get("content-type", "").strip().lower() != OFFSET_STREAM:
            raise refuse("HUB-DOC-008", "Content-Type", rule=OFFSET_STREAM)
        offset = request.headers.get("upload-offset", "")
        if not _NUMBER.fullmatch(offset):
            raise refuse("HUB-DOC-008", "Upload-Offset", rule="a whole number")
        with self._deps.carrying.bring(upload.sender):
            async with await self._documents.receive(upload.id, int(offset)) as incoming:
                await self._take(request, incoming)
                if incoming.whole:
                    upload = await incoming.finish(self._deps.unscanned, self._deps.now())
                else:
                    await incoming.keep()
                    upload = msgspec.structs.replace(upload, received=incoming.received)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_told(upload))

    async def _take(self, request: Request, incoming: Incoming) -> None:
        """Let the body flow into the upload. What came before the line broke or fell silent is kept."""
        limits, clock = self._deps.limits, asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(limits.document_time), asyncio.timeout(limits.body_time) as silence:
                async for piece in request.stream():
                    await incoming.write(piece)
                    silence.reschedule(clock() + limits.body_time)
        except (TimeoutError, ClientDisconnect):
            await incoming.keep()
            raise refuse("HUB-LIM-004", rule=f"silence of at most {limits.body_time:g} s") from None

    async def _whole(self, upload: Upload) -> Upload:
        """Finish an upload whose last byte is here but whose end a crash has cut off; also one of no bytes at all."""
        if upload.safety is not None or upload.received < upload.size:
            return upload
        async with await self._documents.receive(upload.id, upload.size) as incoming:
            return await incoming.finish(self._deps.unscanned, self._deps.now())

    async def _own(self, request: Request) -> Upload:
        """Return the caller's own upload; somebody else's is none."""
        caller = await self._deps.caller(request)
        found = await self._documents.upload(request.path_params["id"])
        if found is None or found.sender != caller.id:
            raise refuse("HUB-DOC-005")
        return found


# --- what is said -------------------------------------------------------------------------------------------------


async def _body(request: Request, seconds: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > LONGEST_ANNOUNCEMENT:
                    raise refuse("HUB-LIM-001", rule=f"at most {LONGEST_ANNOUNCEMENT} bytes")
    except (TimeoutError, ClientDisconnect):
        raise refuse("HUB-LIM-004", rule=f"the whole body in {seconds:g} s") from None
    return bytes(body)


def announcement(body: bytes, headers: Mapping[str, str]) -> Announcement:
    """Read it as JSON, or out of the headers of a tus client. Raises ``Refusal`` HUB-DOC-008."""
    if "upload-length" in headers and not body:
        return _of_tus(headers)
    try:
        return msgspec.json.decode(body, type=Announcement)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        rule = str(error).partition(" - at ")[0] if isinstance(error, msgspec.ValidationError) else "JSON"
        raise refuse("HUB-DOC-008", rule=rule) from None


def _of_tus(headers: Mapping[str, str]) -> Announcement:
    """``Upload-Metadata: sha256 <base64>,filetype <base64>,filename <base64>`` (tus 1.0, creation)."""
    told: dict[str, str] = {}
    for pair in headers.get("upload-metadata", "").split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            told[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise refuse("HUB-DOC-008", "Upload-Metadata", rule="base64 of UTF-8") from None
    if not _NUMBER.fullmatch(headers["upload-length"]):
        raise refuse("HUB-DOC-008", "Upload-Length", rule="a whole number")
    return Announcement(
        size=int(headers["upload-length"]),
        sha256=told.get("sha256", ""),
        media_type=told.get("filetype", "application/octet-stream"),
        name=told.get("filename", ""),
    )


def wrong(said: Announcement) -> list[Problem]:
    """Name every place that is not as it should be."""
    checks = (
        ("size", said.size >= 0, "a whole number of bytes"),
        ("sha256", _SHA256.fullmatch(said.sha256), _SHA256.pattern),
        ("media_type", MEDIA_TYPE.fullmatch(said.media_type), "type/subtype"),
        ("name", len(said.name) <= LONGEST_NAME, f"at most {LONGEST_NAME} characters"),
    )
    return [Problem(code="HUB-DOC-008", place=place, rule=rule) for place, right, rule in checks if not right]


def _view(upload: Upload, look: Look | None = None) -> OwnDocument:
    return OwnDocument(
        id=upload.id,
        sha256=upload.sha256,
        size=upload.size,
        offset=upload.received,
        state="uploading" if upload.safety is None else upload.safety.value,
        expires=upload.until,
        code="HUB-DOC-003" if upload.safety is Safety.INFECTED else "",
        signatures=look,
    )


def _told(upload: Upload) -> dict[str, str]:
    return {
        **TUS,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": format_datetime(upload.until, usegmt=True),
        "Cache-Control": "no-store",
    }


def _json(told: OwnDocument, headers: Mapping[str, str], status: int = HTTPStatus.OK) -> Response:
    return Response(
        msgspec.json.encode(told), status_code=status, media_type="application/json", headers=dict(headers)
    )
