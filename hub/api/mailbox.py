"""The mailbox: a partner that nobody can call lists what lies there for it, fetches it and answers.

``GET /v1/mailbox``, ``GET /v1/mailbox/{transfer}``, ``POST /v1/mailbox/{transfer}/acknowledgement``. Before the bytes of a letter
leave, the store says that they may have; what the partner then says settles it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations at run time
from starlette.responses import Response

from hub.api.quotas import Errand
from hub.receipts import acknowledgements, mailbox
from hub.store.contract.delivery import Acknowledgement
from schemas.problems import refuse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hub.api.desk import Deps
    from hub.partners.access import Identity
    from hub.receipts.mailbox import LetterAnswer, LetterPage
    from hub.store.contract.delivery import Acknowledged
    from hub.store.contract.mailbox import Content, Rejected

PATH = "/v1/mailbox"
NO_LETTER, NO_MAILBOX, BAD_QUERY = "HUB-BOX-001", "HUB-BOX-005", "HUB-BOX-006"
PAGE, MOST = 50, 200
LONGEST = 10
"""Digits of a number that is worth reading."""
ETAG = "ETag"


def add(app: FastAPI, deps: Deps) -> None:
    """Put the mailbox's addresses into the app."""
    door = Door(deps)
    for path, method, endpoint in (
        (PATH, "GET", door.list),
        (f"{PATH}/{{transfer}}", "GET", door.fetch),
        (f"{PATH}/{{transfer}}/acknowledgement", "POST", door.answer),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_class=Response,
            name=f"{method} {path}",
        )


class Door:
    """The endpoints."""

    def __init__(self, deps: Deps) -> None:
        self._deps, self._mailbox = deps, deps.store.mailbox

    async def list(self, request: Request) -> Response:
        """List what lies there for the caller, what has lain longest first."""
        partner = self.owner(await self._deps.callers.identify(request))
        limit = _limit(request.query_params.get("limit", str(PAGE)))
        told = await self.letters(partner, request.query_params.get("after", ""), limit)
        return _json(msgspec.json.encode(told))

    async def letters(self, partner: str, after: str, limit: int) -> LetterPage:
        """Return one page. Raises ``Refusal`` HUB-BOX-006."""
        try:
            letters = await self._mailbox.letters(partner, after=after, limit=limit)
        except ValueError:
            raise refuse(BAD_QUERY, "after", rule="next of an earlier page") from None
        return mailbox.listed(letters, limit)

    async def fetch(self, request: Request) -> Response:
        """Fetch one letter: the sealed bytes with the headers that they are signed by; the same each time."""
        partner = self.owner(await self._deps.callers.identify(request))
        found = await self.fetched(partner, request.path_params["transfer"])
        headers = {**found.sealed.headers, ETAG: f'"{found.digest}"', "Cache-Control": "no-store"}
        return Response(found.sealed.payload, headers=headers, media_type=found.sealed.media_type)

    async def fetched(self, partner: str, transfer: str) -> Content:
        """Take a letter out. Raises ``Refusal`` HUB-BOX-001, -002; ``Later`` HUB-LIM-002, -003."""
        with self._deps.carrying.enter(partner):
            found = await self._mailbox.fetch(partner, transfer, self._deps.now())
        if found is None:
            raise refuse(NO_LETTER)
        return found

    async def answer(self, request: Request) -> Response:
        """Say that a letter is there, or that it cannot be processed; said again it gets the same answer."""
        taken = await self._deps.acknowledging.brought(request, self._take)
        headers = {"Idempotency-Replayed": "true"} if taken.replayed else {}
        return _json(acknowledgements.answer(taken), headers)

    async def _take(self, partner: str, body: bytes, request: Request) -> Acknowledged | Rejected:
        self.check(partner)
        return await self.settled(partner, request.path_params["transfer"], mailbox.read(body), body, request)

    async def settled(
        self, partner: str, transfer: str, said: LetterAnswer, body: bytes, request: Request
    ) -> Acknowledged | Rejected:
        """Take what the partner says of a letter. ``body``: as it came. Raises ``Refusal`` HUB-BOX-*, HUB-RCP-*, HUB-SIG-*, HUB-CRT-*."""
        deps, now = self._deps, self._deps.now()
        view = await deps.store.transfer(transfer)
        if view is None or (view.id, view.partner) != (transfer, partner):
            raise refuse(NO_LETTER)
        receipt = deps.acknowledging.verified(
            Acknowledgement(
                partner=partner,
                raw=body,
                received_at=now,
                said_at=said.at or now,
                key=view.key,
                digest=said.digest,
            ),
            request,
        )
        if said.refused is None:
            return await deps.store.acknowledge(receipt)
        work = await self._mailbox.letter(partner, transfer)
        if work is None:
            raise refuse(NO_LETTER)
        rejection = mailbox.rejection(
            work,
            said,
            body,
            address=request.url.path,
            now=now,
            codec_of=deps.mailboxes.codec_of,
            confirm=deps.mailboxes.confirm,
        )
        return await self._mailbox.reject(rejection, now)

    def owner(self, who: Identity) -> str:
        """Return who comes for what is its own. Raises ``Refusal`` HUB-BOX-005; ``Later`` HUB-LIM-002."""
        self.check("" if who.receipts_only else who.partner)
        self._deps.quotas.call(who.partner, Errand.MAILBOX)
        return who.partner

    def check(self, partner: str) -> None:
        if partner not in self._deps.mailboxes.partners:
            raise refuse(NO_MAILBOX, rule='room = "mailbox"')


def _limit(said: str) -> int:
    if not (said.isascii() and said.isdecimal() and len(said) < LONGEST and 1 <= int(said) <= MOST):
        raise refuse(BAD_QUERY, "limit", rule=f"a number from 1 to {MOST}")
    return int(said)


def _json(told: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(
        told, media_type="application/json", headers={"Cache-Control": "no-store", **(headers or {})}
    )
