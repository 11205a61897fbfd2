"""``/edge/v1/…``: what hubs below call. Who calls is proved by a short-lived token that the hub's own key signed."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from connectors.edge import texts
from connectors.edge.calling import JSON, SIZE, STREAM
from connectors.edge.frames import MOST_FRAME
from connectors.edge.values import Acks, Hello
from hub.api.heads import only_one
from hub.partners.access import Identity, Way, label_of
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.edges.below import Below
    from hub.edges.peers import Peer

PATH = "/edge/v1"
MOST_TEXT = 1 << 20
MOST_PIECE = 8 << 20
MOST_RETURNED = 32 << 20
MOST_STREAM = 2 * MOST_FRAME
FORM = "HUB-EDG-002"
NO_MATTER = frozenset({"HUB-EDG-003"})
"""A token whose time is off is no guess: the caller learns the clock by the answer."""


def add(app: FastAPI, deps: Deps, below: Below) -> Door:
    """Put the addresses into the app; return the door at which further desks for hubs below ask who calls."""
    door = Door(deps, below)
    for path, method, endpoint in (
        ("hello", "POST", door.hello),
        ("batches", "POST", door.bring),
        ("batches", "GET", door.fetch),
        ("acks", "POST", door.acknowledge),
        ("returns", "GET", door.returned),
        ("returns", "POST", door.take_back),
        ("documents", "GET", door.wanted),
        ("documents/{sha256}", "GET", door.document),
        ("documents/{sha256}", "PUT", door.bring_document),
    ):
        app.add_api_route(
            f"{PATH}/{path}", endpoint, methods=[method], response_class=Response, name=f"{method} {path}"
        )
    return door


class Door:
    """The endpoints. ``hub``: who calls; further desks for hubs below ask it, too."""

    def __init__(self, deps: Deps, below: Below) -> None:
        self._deps, self._below = deps, below

    def hub(self, request: Request) -> Peer:
        """Raises ``Refusal`` HUB-EDG-003, -023, HUB-SIG-*, HUB-CRT-*; ``Later`` HUB-AUT-012 after too many failures."""
        only_one(request, "Authorization")
        callers = self._deps.callers
        address = callers.address(request)
        try:
            peer = self._below.who(request.headers.get("authorization", ""))
        except Refusal as refusal:
            if refusal.code not in NO_MATTER:
                callers.failed(address, refusal.code)
            raise
        callers.came(
            address, Identity(partner=peer.partner, way=Way.BEARER_JWS, label=label_of("", peer.code))
        )
        return peer

    async def believed(self, request: Request) -> Peer:
        """As ``hub``; raises ``Refusal`` for one that a person must readmit first, too."""
        peer = self.hub(request)
        await self._below.believed(peer)
        return peer

    async def hello(self, request: Request) -> Response:
        """Greet: what both hubs remember of each other."""
        peer = self.hub(request)
        said = texts.read(Hello, await self.body(request, MOST_TEXT))
        return _json(texts.write(await self._below.hello(peer, said)))

    async def bring(self, request: Request) -> Response:
        """Bring batches; whatever arrived whole counts."""
        peer = self.hub(request)
        return _json(texts.write(await self._below.take(peer, self._pieces(request, MOST_STREAM))))

    async def fetch(self, request: Request) -> Response:
        """Fetch batches; waits for some."""
        peer = self.hub(request)
        epoch, after = _number(request, "epoch", 1), _number(request, "after", 0)
        wait = float(_number(request, "wait", 0))
        found = await self._below.give(peer, epoch, after, wait, request.is_disconnected)
        return Response(b"".join(found), media_type=STREAM, headers={"Cache-Control": "no-store"})

    async def acknowledge(self, request: Request) -> Response:
        """Say up to where batches were taken in."""
        peer = self.hub(request)
        await self._below.acknowledged(peer, texts.read(Acks, await self.body(request, MOST_TEXT)))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def returned(self, request: Request) -> Response:
        """Fetch back what the caller had sent and does not know any more."""
        peer = self.hub(request)
        found = await self._below.returned(peer, _number(request, "epoch", 1), _number(request, "after", 0))
        return _json(b"\n".join(found))

    async def take_back(self, request: Request) -> Response:
        """Give back what this hub had sent and does not know any more; nothing: that was the last of it."""
        peer = self.hub(request)
        raw = await self.body(request, MOST_RETURNED)
        await self._below.take_back(peer, raw, _number(request, "epoch", 0))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def wanted(self, request: Request) -> Response:
        """Say which documents this hub needs from the caller."""
        return _json(texts.write(await self._below.wanted(self.hub(request))))

    async def document(self, request: Request) -> Response:
        """Fetch a piece of a document, from `offset` on."""
        peer = self.hub(request)
        sha256, offset = request.path_params["sha256"], _number(request, "offset", 0)
        piece, size = await self._below.papers.give(peer.partner, sha256, offset)
        return Response(
            piece,
            media_type="application/octet-stream",
            headers={"Cache-Control": "no-store", SIZE: str(size)},
        )

    async def bring_document(self, request: Request) -> Response:
        """Bring a piece of a document that this hub needs, from `offset` on."""
        peer = self.hub(request)
        sha256, offset = request.path_params["sha256"], _number(request, "offset", 0)
        piece = await self.body(request, MOST_PIECE)
        lying = await self._below.papers.take(
            peer.partner, sha256, offset, _number(request, "size", 0), piece
        )
        return _json(texts.write(lying))

    async def body(self, request: Request, most: int) -> bytes:
        return b"".join([piece async for piece in self._pieces(request, most)])

    async def _pieces(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """Raises ``Refusal`` HUB-LIM-001, -004. A stream that is cut ends; what came of it counts."""
        size = 0
        silence = self._deps.limits.body_time
        stream = request.stream()
        while True:
            try:
                async with asyncio.timeout(silence):
                    piece = await anext(stream, None)
            except TimeoutError:
                raise refuse("HUB-LIM-004", rule=f"something every {silence:g} s") from None
            except ClientDisconnect:
                return
            if piece is None:
                return
            size += len(piece)
            if size > most:
                raise refuse("HUB-LIM-001", rule=f"at most {most} bytes")
            yield piece


def _number(request: Request, name: str, default: int) -> int:
    said = request.query_params.get(name, str(default))
    whole = said.partition(".")[0]
    if not (whole.isascii() and whole.isdecimal() and len(whole) < 17):  # noqa: PLR2004 - below 2**53
        raise refuse(FORM, name, rule="a number")
    return int(whole)


def _json(told: bytes) -> Response:
    return Response(told, media_type=JSON, headers={"Cache-Control": "no-store"})
