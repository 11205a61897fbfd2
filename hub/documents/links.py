"""Every document that the hub holds gets an address of its own in what a partner receives, or travels inside it.

An address is made from a secret, the transfer and the document, so that sealing again makes the same bytes; its row is
written when the sealed bytes are stored. The document's own id, by which partners merge updates, is left as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from connectors.contract import Link, Sealed
from hub.documents.contract import Waits
from hub.store.blobs import Damaged
from hub.store.vault import Unreadable
from schemas.dossier import Document, Dossier, Message, Result, from_json, to_json
from schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from hub.documents.contract import Enclosure
    from hub.store.contract.delivery import Work

LOOK_AGAIN = 2.0
"""Seconds until a transfer that waits for a document is looked at again; the document's own schedule is in the store."""
UNNAMED_TYPE = "application/octet-stream"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where one partner fetches documents: ``base`` ends with its declared path; ``grace`` in seconds.

    ``inside``: bytes of documents that travel inside a message instead; 0: none do.
    """

    base: str
    grace: float
    inside: int = 0


class Sealery(Protocol):
    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]: ...


class Shelf(Protocol):
    """The part of ``hub.documents.contract.Documents`` that is needed here."""

    async def enclosed(self, messages: Sequence[str]) -> Mapping[str, tuple[Enclosure, ...]]: ...

    def content(self, sha256: str) -> AsyncGenerator[bytes, None]: ...


def uid(secret: bytes, transfer: str, place: str, sha256: str) -> str:
    """Return 36 characters in the form of a UUID (RFC 9562, version 8), which nobody can make without the secret."""
    said = f"{transfer}\0{place}\0{sha256}".encode()
    raw = bytearray(hmac.digest(secret, said, hashlib.sha256)[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def linked(
    message: Message, enclosures: Sequence[Enclosure], *, secret: bytes, transfer: str, desk: Desk
) -> tuple[Message, tuple[Link, ...]]:
    """Put an address into each enclosed document; return the message and what its addresses lead to."""
    if message.dossier is None:
        return message, ()
    by_place = {enclosure.place: enclosure.sha256 for enclosure in enclosures}
    links: list[Link] = []

    def address(place: str, each: Document | Result) -> str | None:
        sha256 = by_place.get(place)
        if sha256 is None:
            return each.reference
        found = Link(
            uid=uid(secret, transfer, place, sha256),
            sha256=sha256,
            media_type=each.media_type or UNNAMED_TYPE,
            name=each.name or "",
            grace=desk.grace,
        )
        links.append(found)
        return f"{desk.base}/{found.uid}"

    told: Dossier = msgspec.structs.replace(
        message.dossier,
        documents=tuple(
            msgspec.structs.replace(each, reference=address(f"documents/{number}", each))
            for number, each in enumerate(message.dossier.documents)
        ),
        results=tuple(
            msgspec.structs.replace(each, reference=address(f"results/{number}", each))
            for number, each in enumerate(message.dossier.results)
        ),
    )
    return msgspec.structs.replace(message, dossier=told), tuple(links)


async def nobody_else(_messages: Sequence[str]) -> None:
    """Where no document lies at another hub."""


class Linking:
    """A sealery that gives documents their addresses first (``hub.delivery.delivery.Sealery``). ``hubs``: partners that get digests instead,
    and fetch what somebody there needs. ``want``: says that documents of messages are needed here, which may lie at another hub.
    """

    def __init__(
        self,
        inner: Sealery,
        shelf: Shelf,
        desks: Mapping[str, Desk],
        secret: bytes,
        *,
        hubs: frozenset[str] = frozenset(),
        want: Callable[[Sequence[str]], Awaitable[None]] = nobody_else,
    ) -> None:
        self._inner, self._shelf, self._desks, self._secret = inner, shelf, desks, secret
        self._hubs, self._want = hubs, want

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        enclosed = await self._shelf.enclosed(sorted({work.message for work in works}))
        if not enclosed:
            return await self._inner.seal(works)
        ready: list[Work] = []
        links: dict[str, tuple[Link, ...]] = {}
        stopped: dict[str, Sealed | Problem | Waits] = {}
        for work in works:
            enclosures = enclosed.get(work.message, ())
            if enclosures and work.partner in self._hubs:
                digests = _digests(work, enclosures)
                if isinstance(digests, Waits):
                    stopped[work.transfer] = digests
                else:
                    ready.append(digests)
                continue
            problem = self._problem(work, enclosures)
            if problem is not None:
                stopped[work.transfer] = problem
                continue
            desk = self._desks.get(work.partner)
            if desk is not None and desk.inside and enclosures:
                inside = await self._contents(enclosures, desk.inside)
                if isinstance(inside, Problem):
                    stopped[work.transfer] = inside
                else:
                    ready.append(_with_contents(work, enclosures, inside))
                continue
            ready.append(self._with_links(work, enclosures, links) if enclosures else work)
        waiting = {work.message for work in works if isinstance(stopped.get(work.transfer), Waits)}
        if waiting and self._hubs:
            await self._want(sorted(waiting))
        made = await self._inner.seal(ready) if ready else {}
        return stopped | {
            transfer: _with(result, links.get(transfer, ())) for transfer, result in made.items()
        }

    def _problem(self, work: Work, enclosures: Sequence[Enclosure]) -> Problem | Waits | None:
        """What is hopeless parks the transfer; what is on its way makes it wait."""
        desk = self._desks.get(work.partner)
        if enclosures and desk is not None and not desk.inside and not desk.base.startswith("http"):
            return Problem(
                code="HUB-CFG-002", place="public_url", rule="an address at which partners reach the hub"
            )
        missing = sorted((each for each in enclosures if each.problem), key=lambda each: not each.hopeless)
        if not missing:
            return None
        first = missing[0]
        if first.hopeless:
            return Problem(code=first.problem, place=first.place)
        return Waits(code=first.problem, place=first.place, seconds=LOOK_AGAIN)

    async def _contents(self, enclosures: Sequence[Enclosure], most: int) -> dict[str, bytes] | Problem:
        """Fetch what travels inside; too much of it parks the transfer."""
        found: dict[str, bytes] = {}
        for each in enclosures:
            content = bytearray()
            try:
                async with aclosing(self._shelf.content(each.sha256)) as pieces:
                    async for piece in pieces:
                        content += piece
                        if sum(map(len, found.values())) + len(content) > most:
                            rule = f"at most {most} bytes of files inside"
                            return Problem(code="HUB-DOC-009", place=each.place, rule=rule)
            except (Damaged, Unreadable) as error:
                return Problem(code="HUB-INT-001", place=each.place, detail=type(error).__name__)
            found[each.sha256] = bytes(content)
        return found

    def _with_links(
        self, work: Work, enclosures: Sequence[Enclosure], links: dict[str, tuple[Link, ...]]
    ) -> Work:
        desk = self._desks.get(work.partner)
        if desk is None:
            return work
        message, links[work.transfer] = linked(
            from_json(work.canonical), enclosures, secret=self._secret, transfer=work.transfer, desk=desk
        )
        return msgspec.structs.replace(work, canonical=to_json(message))


def _digests(work: Work, enclosures: Sequence[Enclosure]) -> Work | Waits:
    """Name each document by its digest; wait only for one whose digest nobody knows yet."""
    message = from_json(work.canonical)
    if message.dossier is None:
        return work
    told = {f"documents/{number}": each.sha256 for number, each in enumerate(message.dossier.documents)}
    told |= {f"results/{number}": each.sha256 for number, each in enumerate(message.dossier.results)}
    known = {each.place: each.sha256 or told.get(each.place) or "" for each in enclosures}
    lacking = next((each for each in enclosures if not known[each.place] and not each.hopeless), None)
    if lacking is not None:
        return Waits(code=lacking.problem, place=lacking.place, seconds=LOOK_AGAIN)
    found = [
        msgspec.structs.replace(each, sha256=known[each.place]) for each in enclosures if known[each.place]
    ]
    return _with_contents(work, found, {})


def _with_contents(work: Work, enclosures: Sequence[Enclosure], contents: Mapping[str, bytes]) -> Work:
    """Name each document by its digest alone, also one that came by an address."""
    message = from_json(work.canonical)
    by_place = {enclosure.place: enclosure.sha256 for enclosure in enclosures}
    if message.dossier is None:
        return work

    told = msgspec.structs.replace(
        message.dossier,
        documents=tuple(
            _by_digest(each, by_place.get(f"documents/{number}"))
            for number, each in enumerate(message.dossier.documents)
        ),
        results=tuple(
            _by_digest(each, by_place.get(f"results/{number}"))
            for number, each in enumerate(message.dossier.results)
        ),
    )
    canonical = to_json(msgspec.structs.replace(message, dossier=told))
    return msgspec.structs.replace(work, canonical=canonical, contents=contents)


def _by_digest(each: Any, sha256: str | None) -> Any:  # noqa: ANN401 - a document or a result
    return each if sha256 is None else msgspec.structs.replace(each, sha256=sha256, reference=None)


def _with(result: Sealed | Problem | Waits, links: tuple[Link, ...]) -> Sealed | Problem | Waits:
    if isinstance(result, Problem | Waits) or not links:
        return result
    return msgspec.structs.replace(result, links=links)
