"""The download desk: opaque addresses that stand in sealed bytes, streamed to whoever was given them.

There is no directory and no guess worth making: an id is 122 bits of a keyed digest, and is looked up by *its* digest,
so what the look-up costs says nothing about any id. Nothing is cached on the way, nothing is shown in a browser.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import re
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import msgspec
import structlog
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.documents import MEDIA_TYPE
from hub.api.heads import only_one
from hub.api.later import Later
from hub.api.origins import Network, address_of, certificate_of, inside
from hub.api.quotas import Errand
from hub.store.blobs import Damaged
from hub.store.vault import Unreadable
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.datastructures import Headers
    from starlette.types import Receive, Scope, Send

    from hub.api.desk import Deps
    from hub.documents.contract import Reach

log = structlog.get_logger(__name__)

STEP = 128 * 1024
"""Bytes that a caller has to take within ``[limits] answer_time``: even a slow line can."""
LONGEST_NAME = 150
UNNAMED = "document"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_UNSAFE = re.compile(r'[\\/:*?"<>|;%\x00-\x1f\x7f]')


class Downloader(msgspec.Struct, frozen=True, kw_only=True):
    """Who may fetch what one partner was sent: everything that is declared must hold. Hashes are SHA-256, hex.

    ``known``: the caller must say who it is, as at every other door.
    """

    id: str
    path: str = "f"
    addresses: tuple[Network, ...] = ()
    known: bool = False
    certificates: tuple[str, ...] = ()


def add(app: FastAPI, deps: Deps) -> None:
    """Put one address for each declared path into the app; every link is found under each of them."""
    desk = Downloads(deps)
    for path in sorted({"f", *(each.path for each in deps.downloaders.values())}):
        for method in ("GET", "HEAD"):
            app.add_api_route(
                f"/{path}/{{uid}}",
                desk.fetch,
                methods=[method],
                response_class=Response,
                name=f"{method} {path}",
                include_in_schema=(method, path) == ("GET", "f"),
            )


class Downloads:
    """The endpoint."""

    def __init__(self, deps: Deps) -> None:
        self._deps, self._documents = deps, deps.store.documents

    async def fetch(self, request: Request) -> Response:
        """Stream a document, whole or a range of it."""
        return await self.send(request, request.path_params["uid"])

    async def send(self, request: Request, uid: str, partner: str = "") -> Response:
        """As ``fetch``, for an address of another form. ``uid``: what the hub gave out; ``partner``: who calls, where that was found
        out before. Somebody else's is none then.
        """
        for header in ("Authorization", "Client-Cert"):
            only_one(request, header)
        reach = await self._documents.reach(uid, self._deps.now())
        if reach is None or partner not in {"", reach.partner}:
            raise refuse("HUB-DOC-011")
        if not partner:
            await self._admit(request, reach)
        self._deps.quotas.call(reach.partner, Errand.DOWNLOADS)
        if reach.over:
            raise refuse("HUB-DOC-012")
        etag = f'"{reach.sha256}"'
        headers = _headers(reach, etag)
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        part = self._part(request, reach, etag)
        status = HTTPStatus.OK
        if part.range:
            status, headers["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, part.range
        headers["Content-Length"] = str(part.stop - part.start)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        with contextlib.ExitStack() as place:
            place.enter_context(self._deps.carrying.enter(f"to {reach.partner}"))
            first, pieces = await self._open(reach, part)
            answer = Stream(self._deps, reach, pieces, Opening(first, status, headers))
            answer.place = place.pop_all()
            return answer

    async def _admit(self, request: Request, reach: Reach) -> None:
        """Raises ``Refusal`` HUB-DOC-013, also for a partner that is declared no more; ``Later`` after too many failed logins."""
        who = self._deps.downloaders.get(reach.partner)
        peer = request.client.host if request.client else ""
        if (
            who is None
            or not permitted(who, peer, request.headers, self._deps.keeping.proxies)
            or (who.known and not await self._is(request, who.id))
        ):
            log.warning("download_refused", partner=reach.partner, transfer=reach.transfer)
            raise refuse("HUB-DOC-013")

    async def _is(self, request: Request, partner: str) -> bool:
        try:
            return (await self._deps.callers.identify(request)).partner == partner
        except Later:
            raise
        except Refusal:
            return False

    def _part(self, request: Request, reach: Reach, etag: str) -> Part:
        asked = request.headers.get("range", "")
        if request.headers.get("if-range", etag) != etag:
            asked = ""
        part = part_of(asked, reach.size)
        if part is None:
            raise refuse("HUB-DOC-017", "Range", rule=f"bytes */{reach.size}")
        return part

    async def _open(self, reach: Reach, part: Part) -> tuple[bytes, AsyncIterator[bytes]]:
        """Read the first piece before anything is said, so that what is damaged gets a problem instead of a cut answer."""
        pieces = self._documents.read(reach, part.start, part.stop)
        try:
            return await anext(pieces, b""), pieces
        except (Damaged, Unreadable) as error:
            log.exception("document_damaged", digest=reach.sha256, transfer=reach.transfer)
            raise refuse("HUB-DOC-016") from error


class Opening(NamedTuple):
    """How a download begins."""

    first: bytes
    status: int
    headers: Mapping[str, str]


class Stream(Response):
    """Sends piece after piece, each when the last has gone, and notes how much the partner got.

    ``place``: the caller's place among those that are bounded; given back at the end.
    """

    def __init__(self, deps: Deps, reach: Reach, pieces: AsyncIterator[bytes], opening: Opening) -> None:
        super().__init__(status_code=opening.status, headers=opening.headers)
        self._deps, self._reach, self._pieces, self._opening = deps, reach, pieces, opening
        self._sent = 0
        self.place = contextlib.ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        whole = False
        with self.place:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            gone = asyncio.create_task(_gone(receive))
            try:
                whole = await self._send(send, gone)
            finally:
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                await self._note(whole=whole)

    async def _send(self, send: Send, gone: asyncio.Task[None]) -> bool:
        """Returns whether all of it left; false when nobody listens any more."""
        piece: bytes | None = self._opening.first
        while piece is not None and not gone.done():
            for start in range(0, len(piece), STEP):
                step = piece[start : start + STEP]
                await send({"type": "http.response.body", "body": step, "more_body": True})
                self._sent += len(step)
            piece = await anext(self._pieces, None)
        if gone.done():
            return False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _note(self, *, whole: bool) -> None:
        with contextlib.suppress(Refusal):  # the disk is full: the partner has its document all the same
            await self._deps.store.documents.downloaded(
                self._reach, self._sent, whole=whole, now=self._deps.now()
            )
        log.info(
            "downloaded",
            partner=self._reach.partner,
            transfer=self._reach.transfer,
            size=self._sent,
            digest=self._reach.sha256,
        )


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# --- pure parts -------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """``range``: the Content-Range to answer with; empty for the whole."""

    start: int
    stop: int
    range: str


def part_of(asked: str, size: int) -> Part | None:
    """Read one range (RFC 9110 §14.1.2); several, or another unit, mean the whole. ``None``: it lies outside."""
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return Part(0, size, "")
    if found[1]:
        start = int(found[1])
        stop = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return Part(0, size, "")
    else:
        start, stop = max(size - int(found[2]), 0), size
    if start >= stop:
        return None
    return Part(start, stop, f"bytes {start}-{stop - 1}/{size}")


def safe_name(name: str) -> str:
    """Return a name that no system takes for anything else: no path, no control or direction marks, no leading dot."""
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(letter for letter in plain if unicodedata.category(letter)[0] != "C")
    kept = _UNSAFE.sub("_", kept).strip(" ._")
    if len(kept) > LONGEST_NAME:
        stem, dot, ending = kept.rpartition(".")
        ending = f".{ending}" if dot and len(ending) <= len("jpeg2000") else ""
        kept = (stem if ending else kept)[: LONGEST_NAME - len(ending)] + ending
    return kept or UNNAMED


def disposition(name: str) -> str:
    """Both forms of RFC 6266: letters of ASCII for old clients, UTF-8 for the others."""
    told = safe_name(name)
    bare = (
        unicodedata.normalize("NFD", told.replace("đ", "d").replace("Đ", "D"))
        .encode("ascii", "ignore")
        .decode()
    )
    return f"attachment; filename=\"{bare.strip(' .') or UNNAMED}\"; filename*=UTF-8''{quote(told, safe='')}"


def _headers(reach: Reach, etag: str) -> dict[str, str]:
    media_type = reach.media_type if MEDIA_TYPE.fullmatch(reach.media_type) else "application/octet-stream"
    return {
        "Content-Type": media_type,
        "Content-Disposition": disposition(reach.name),
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(reach.sha256)).decode()}:",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


def permitted(who: Downloader, peer: str, headers: Headers, proxies: Sequence[Network]) -> bool:
    """Say whether address and certificate are those that the partner's file declares."""
    if who.addresses and not inside(address_of(peer, headers, proxies), who.addresses):
        return False
    if not who.certificates:
        return True
    shown = certificate_of(peer, headers, proxies)
    return True in [hmac.compare_digest(shown, each) for each in who.certificates]
