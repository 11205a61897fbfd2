"""``lienthong document list|show|verify``: which documents the hub holds, whether they may be used, whether they are whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING

from hub.cli import show, times
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from hub.documents.contract import Held, Holder, Safety, Seal
from hub.store.blobs import Damaged
from hub.store.vault import Unreadable
from schemas.problems import refuse
from signing.pdf_signatures import Holds, PdfSignature

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.store.contract.store import Store

SHORT = 16
"""Digits of a digest that a person reads; programs get all of them."""
LONGEST = 64
PAGE = 200
COLOURS = {Safety.CLEAN: "green", Safety.CHECKING: "yellow", Safety.INFECTED: "red"}


def _scanned(row: Held) -> bool:
    """Whether a scanner was ever asked; where none is declared, a document is as good as clean, and nobody has looked."""
    return row.safety is not Safety.CLEAN or row.tries > 0


def _safety(row: Held, desk: Desk) -> str:
    return desk.say(f"safety.{row.safety}" if _scanned(row) else "safety.unscanned")


def _colour(row: Held, _: Desk) -> str:
    return COLOURS[row.safety] if _scanned(row) else "yellow"


def _seal(row: Held, desk: Desk) -> str:
    """``3 good``, ``1 good, 1 broken``; or why there is nothing to say."""
    if row.look is None:
        return desk.say("seal.not_yet")
    if row.look.seal is not Seal.SIGNED:
        return desk.say(f"seal.{row.look.seal}")
    counts = Counter(str(each.holds) for each in row.look.signatures)
    return ", ".join(f"{count} {desk.say(f'holds.{holds}')}" for holds, count in counts.items())


def _seal_colour(row: Held, _: Desk) -> str:
    marks = row.look.signatures if row.look else ()
    return "" if not marks else "green" if all(each.holds is Holds.GOOD for each in marks) else "yellow"


def _seal_value(row: Held) -> str | None:
    return str(row.look.seal) if row.look else None


SIGNATURES = show.Column("signatures", _seal_value, _seal, _seal_colour, room=100)

DOCUMENTS: tuple[show.Column[Held], ...] = (
    show.Column("sha256", lambda row: row.sha256, lambda row, _: row.sha256[:SHORT], whole=True),
    show.Column("safety", lambda row: row.safety.value, _safety, _colour),
    show.Column("size", lambda row: row.size),
    show.Column("owners", lambda row: row.owners),
    SIGNATURES,
    show.Column("finding", lambda row: row.finding, room=110),
    show.Column("held_since", lambda row: row.at, lambda row, _: times.local(row.at)),
)

DOCUMENT: tuple[show.Column[Held], ...] = (
    show.Column("sha256", lambda row: row.sha256),
    show.Column("safety", lambda row: row.safety.value, _safety, _colour),
    show.Column("size", lambda row: row.size),
    show.Column("owners", lambda row: row.owners),
    show.Column("finding", lambda row: row.finding),
    SIGNATURES,
    show.Column("held_since", lambda row: row.at),
    show.Column(
        "checked_at",
        lambda row: row.checked_at,
        lambda row, desk: (
            times.full(desk.speech, row.checked_at, desk.now())
            if row.checked_at and _scanned(row)
            else show.NOTHING
        ),
    ),
    show.Column("next_check", lambda row: row.next_check),
    show.Column("checks", lambda row: row.tries),
    show.Column("file", lambda row: row.file),
)

SIGNERS: tuple[show.Column[PdfSignature], ...] = (
    show.Column(
        "holds",
        lambda row: str(row.holds),
        lambda row, desk: desk.say(f"holds.{row.holds}"),
        lambda row, _: "green" if row.holds is Holds.GOOD else "yellow",
    ),
    show.Column("signer", lambda row: row.subject),
    show.Column("signed_at", lambda row: row.signed_at),
    show.Column("stamped_at", lambda row: row.stamped_at),
    show.Column("whole", lambda row: row.whole),
    show.Column("fingerprint", lambda row: row.fingerprint, lambda row, _: row.fingerprint[:SHORT]),
)

HOLDERS: tuple[show.Column[Holder], ...] = (
    show.Column("owner", lambda row: row.owner, whole=True),
    show.Column("sender", lambda row: row.sender),
    show.Column("held_since", lambda row: row.at, lambda row, _: times.local(row.at)),
)


async def list_(*, safety: Safety | None = None, after: str = "", limit: int = 50, desk: At) -> int:
    async with desk.hub() as hub:
        found = await hub.store.documents.held(safety=safety or "", after=after, limit=limit)
    show.rows(desk, DOCUMENTS, found, "nothing.documents")
    return Exit.OK


async def show_(document: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        found = await _one(hub.store, document)
        holders = await hub.store.documents.holders(found.sha256)
        signed = found.look is not None and found.look.signatures
        read = await hub.examined(found) if signed else None
    parts = [show.Part("holders", HOLDERS, holders)]
    if read is not None and read.signatures:
        parts.append(show.Part("signers", SIGNERS, read.signatures))
    show.card(desk, DOCUMENT, found, tuple(parts))
    return Exit.OK


async def verify(document: str = "", /, *, desk: At) -> int:
    """Read documents whole and compare them with their digests; name those that are not what they should be."""
    damaged: list[Held] = []
    count, after = 0, ""
    async with desk.hub() as hub:
        page = (await _one(hub.store, document),) if document else await hub.store.documents.held(limit=PAGE)
        while page:
            count += sum(1 for held in page if held.owners)
            damaged += [held for held in page if held.owners and not await _whole(hub.store, held)]
            after = page[-1].sha256
            page = () if document else await hub.store.documents.held(after=after, limit=PAGE)
    if damaged or desk.as_json:
        show.rows(desk, DOCUMENTS, damaged, "nothing.documents")
    desk.tell("documents.damaged" if damaged else "documents.whole", number=len(damaged) or count)
    return Exit.FOUND if damaged else Exit.OK


async def _one(store: Store, prefix: str) -> Held:
    """Return the one document whose digest begins so. Raises ``Refusal`` HUB-DOC-001."""
    wanted = prefix.lower()
    near = await store.documents.held(after=wanted[: LONGEST - 1], limit=2)  # what begins so stands behind it
    found = [held for held in near if held.sha256.startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise refuse("HUB-DOC-001", detail=prefix)
    return found[0]


async def _whole(store: Store, held: Held) -> bool:
    digest = hashlib.sha256()
    try:
        async with aclosing(store.documents.content(held.sha256)) as pieces:
            async for piece in pieces:
                digest.update(piece)
    except (Damaged, Unreadable):
        return False
    return digest.hexdigest() == held.sha256
