"""``POST /token``: OAuth2 client credentials (RFC 6749 §4.4), in a form or as Basic, answered as clients of the field expect it.

Errors carry RFC 6749's ``error`` beside our own code. Nothing of a request is kept or logged but the client's address.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hub.api import problems
from hub.api.heads import only_one
from hub.api.later import Later
from hub.partners.access import Identity, Way
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps

PATH = "/token"
FORM = "application/x-www-form-urlencoded"
LONGEST = 8 * 1024
SCOPE = "default"
"""What a token is for is in the partner's file; this is what gateways of the field call it."""
AT_ONCE = 64
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_ERRORS = {
    "HUB-AUT-002": ("invalid_client", HTTPStatus.UNAUTHORIZED),
    "HUB-AUT-014": ("invalid_client", HTTPStatus.UNAUTHORIZED),
    "HUB-AUT-016": ("invalid_request", HTTPStatus.BAD_REQUEST),
    "HUB-AUT-017": ("unsupported_grant_type", HTTPStatus.BAD_REQUEST),
}


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749 §4.4.2. Id and secret may stand in ``Authorization: Basic`` instead."""

    grant_type: Literal["client_credentials"]
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""


class TokenGiven(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749 §5.1. ``expires_in``: seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class TokenRefused(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749 §5.2, with the code of the error catalogue."""

    error: str
    error_description: str
    error_uri: str
    code: str


class Asked(NamedTuple):
    client: str
    secret: str


def add(app: FastAPI, deps: Deps) -> TokenDesk:
    """Put the address into the app."""
    desk = TokenDesk(deps)
    app.add_api_route(PATH, desk.give, methods=["POST"], response_class=Response)
    return desk


Reader = Callable[[bytes, Mapping[str, str]], Asked]
"""Reads a login from a body and headers, names in small letters. Raises ``Refusal``."""


def read_request(body: bytes, headers: Mapping[str, str]) -> Asked:
    """Read an OAuth2 token request."""
    return read(body, headers.get("authorization", ""), headers.get("content-type", ""))


class TokenDesk:
    """The endpoint."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._under_way = 0

    async def give(self, request: Request) -> Response:
        """Give a client a token for its id and secret."""
        try:
            token, seconds = await self.issue(request)
        except Later:
            raise
        except Refusal as refusal:
            if refusal.code not in _ERRORS:
                raise
            return self._refused(request, refusal)
        told = TokenGiven(access_token=token, token_type="Bearer", expires_in=seconds, scope=SCOPE)  # noqa: S106 - a kind of token
        return _json(told, HTTPStatus.OK)

    async def issue(self, request: Request, reader: Reader = read_request) -> tuple[str, int]:
        """Return a token and the seconds that it lives; ``reader``: how the client asks. Raises ``Refusal`` HUB-AUT-*; ``Later``."""
        if self._under_way >= AT_ONCE:
            raise Later("HUB-LIM-003", f"at most {AT_ONCE} logins at once", self._deps.limits.retry_after)
        self._under_way += 1
        try:
            return await self._issue(request, reader)
        finally:
            self._under_way -= 1

    async def _issue(self, request: Request, reader: Reader) -> tuple[str, int]:
        deps = self._deps
        only_one(request, "Authorization")
        asked = reader(await self._body(request), request.headers)
        address = deps.callers.address(request)
        try:
            client, secret = deps.tokens.secret(*asked)
        except Refusal as refusal:
            deps.callers.failed(address, refusal.code)
            raise
        who = Identity(partner=client.partner, way=Way.SECRET, label=f"{client.id} {secret.label}")
        deps.callers.came(address, who)
        return await deps.tokens.issue(client, secret)

    async def _body(self, request: Request) -> bytes:
        body, seconds = bytearray(), self._deps.limits.body_time
        try:
            async with asyncio.timeout(seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > LONGEST:
                        raise refuse("HUB-LIM-001", rule=f"at most {LONGEST} bytes")
        except (TimeoutError, ClientDisconnect):
            raise refuse("HUB-LIM-004", rule=f"the whole body in {seconds:g} s") from None
        return bytes(body)

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        error, status = _ERRORS[refusal.code]
        say = problems.language(request.headers.get("accept-language", ""), self._deps.language)
        entry = self._deps.catalogue[refusal.code]
        told = TokenRefused(
            error=error,
            error_description=f"{refusal.code}: {entry.title.say(say)}",
            error_uri=f"{self._deps.base}/errors/{refusal.code}",
            code=refusal.code,
        )
        answer = _json(told, status)
        if status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = 'Basic realm="lienthong"'
        return answer


def read(body: bytes, authorization: str, media_type: str) -> Asked:
    """Read what a client says, in the form or as Basic (RFC 6749 §2.3.1), never in both. Raises HUB-AUT-016, -017."""
    if media_type.partition(";")[0].strip().lower() != FORM:
        raise refuse("HUB-AUT-016", "Content-Type", rule=FORM)
    form = _form(body)
    if form.get("grant_type") != "client_credentials":
        raise refuse(
            "HUB-AUT-017" if "grant_type" in form else "HUB-AUT-016", "grant_type", rule="client_credentials"
        )
    if not authorization:
        return Asked(*(_said(form, name) for name in ("client_id", "client_secret")))
    if "client_secret" in form:
        raise refuse("HUB-AUT-016", "client_secret", rule="in the form or in Authorization")
    asked = basic(authorization)
    if form.get("client_id", asked.client) != asked.client:
        raise refuse("HUB-AUT-016", "client_id", rule="that of Authorization")
    return asked


def basic(authorization: str) -> Asked:
    """Both parts are form-encoded before they are joined. Raises HUB-AUT-016."""
    scheme, _, value = authorization.partition(" ")
    try:
        client, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise refuse("HUB-AUT-016", "Authorization", rule="Basic (RFC 6749 §2.3.1)")
    return Asked(unquote_plus(client), unquote_plus(secret))


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise refuse("HUB-AUT-016", rule=FORM) from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refuse("HUB-AUT-016", rule="each parameter once (RFC 6749 §3.2)")
    return found


def _said(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise refuse("HUB-AUT-016", name, rule="required")
    return form[name]


def _json(told: TokenGiven | TokenRefused, status: int) -> Response:
    return Response(
        msgspec.json.encode(told), status_code=status, media_type="application/json", headers=_NO_STORE
    )
