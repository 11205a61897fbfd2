"""What the store has of a transfer, as files: what was sealed, from what it was derived, every call, the partner's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.evidence import of_messages, papers
from hub.evidence.papers import BYTES, JOSE, JSON, Call, Derivation, Statement, Transfer, ending, write
from hub.ids import below
from hub.receipts.receipts import Confirm  # noqa: TC001 - part of a public value
from hub.store.vault import Unreadable
from hub.story import filling
from signing.asic.container import File

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from hub.evidence.contract import Contents, Proven
    from hub.store.contract.store import Store
    from hub.store.contract.views import AttemptView, MessageView, TransferView

_GONE = b"kept no longer, its time was over"


def transfer(view: TransferView, contents: Contents, entries: Sequence[Proven]) -> Iterator[File]:
    sealed, journaled = contents.sealed, of_messages.facts(entries, "sealed", view.id)
    digest = papers.sha256(sealed.payload) if sealed else journaled[1]["digest"] if journaled else ""
    content = papers.of_transfer(view.id, f"sealed{ending(sealed.media_type)}") if sealed else ""
    told = Transfer(
        id=view.id,
        message=view.message,
        partner=view.partner,
        operation=view.operation,
        key=view.key,
        state=str(view.state),
        sha256=digest,
        media_type=sealed.media_type if sealed else "",
        headers=sealed.headers if sealed else {},
        content=content,
        absent=contents.no_sealed,
        problem=view.problem,
        reference=view.reference,
        settled_at=view.settled_at,
        receipt_at=view.receipt_at,
    )
    yield File(papers.of_transfer(view.id, "transfer.json"), JSON, write(told))
    if sealed:
        yield File(content, sealed.media_type.partition(";")[0] or BYTES, sealed.payload)


def statement(
    view: TransferView,
    message: MessageView,
    contents: Contents,
    entries: Sequence[Proven],
    confirm: Confirm,
    now: datetime,
) -> Iterator[File]:
    """What was sealed was derived from what was received: both digests, and the mapping that the journal names."""
    sealed, accepted = of_messages.facts(entries, "sealed", view.id), of_messages.facts(entries, "accepted")
    if sealed is None or accepted is None:
        return
    told = Statement(
        transfer=view.id,
        message=view.message,
        key=view.key,
        sender=message.sender,
        recipient=view.partner,
        origin=Derivation(
            sha256=message.digest,
            media_type=contents.media_type,
            format=accepted[1].get("format", ""),
        ),
        result=Derivation(
            sha256=sealed[1]["digest"],
            media_type=contents.sealed.media_type if contents.sealed else "",
            format=sealed[1].get("mapping", ""),
        ),
        accepted_at=accepted[0],
        sealed_at=sealed[0],
        issued_at=now,
        taken=filling.read(sealed[1].get("taken", "")),
    )
    content = write(told)
    yield File(papers.of_transfer(view.id, "statement.json"), JSON, content)
    yield File(papers.of_transfer(view.id, "statement.jws"), JOSE, confirm(content, now).encode())


async def calls(store: Store, transfer: str) -> list[File]:
    try:
        found = await store.attempts(transfer)
    except Unreadable as error:
        return [File(papers.of_transfer(transfer, "calls.absent"), "text/plain", str(error).encode())]
    return [file for each in found for file in _attempt(transfer, each)]


def _attempt(transfer: str, view: AttemptView) -> Iterator[File]:
    attempt = view.attempt
    for number, exchange in enumerate(attempt.exchanges, 1):
        name = papers.of_transfer(transfer, f"calls/{view.number:03}-{number}")
        told = Call(
            attempt=view.number,
            verb=attempt.verb,
            outcome=attempt.outcome,
            code=attempt.code,
            url=exchange.url,
            status=exchange.status,
            started_at=exchange.started_at,
            seconds=exchange.seconds,
            error=exchange.error,
            signer=exchange.signer,
            profile=exchange.profile,
        )
        yield File(f"{name}.json", JSON, write(told))
        yield File(f"{name}.sent", BYTES, exchange.sent)
        yield File(f"{name}.received", BYTES, exchange.received)


async def their_receipt(store: Store, transfer: str) -> list[File]:
    try:
        found = await store.evidence.their_receipt(transfer)
    except Unreadable as error:
        return [
            File(papers.of_transfer(transfer, "partner-receipt.absent"), "text/plain", str(error).encode())
        ]
    if found is None:
        return []
    if not found.raw:
        return [File(papers.of_transfer(transfer, "partner-receipt.absent"), "text/plain", _GONE)]
    brought = [File(papers.of_transfer(transfer, "partner-receipt"), BYTES, found.raw)]
    if found.signature:
        name = papers.of_transfer(transfer, "partner-receipt.jws")
        brought.append(File(name, JOSE, found.signature.encode()))
    return brought


async def non_delivery(store: Store, transfer: str) -> list[File]:
    """What the hub holds against itself: the receipt of the message that told the sender, of its failure before its lateness
    (``hub.delivery.failure``).
    """
    files: list[File] = []
    for word in ("late", "failed"):
        view = await store.message(below(transfer, word))
        if view is not None and papers.about(view.receipt) == transfer:
            name = papers.of_transfer(transfer, "non-delivery")
            files = [File(f"{name}.json", JSON, view.receipt)]
            if view.confirmation:
                files.append(File(f"{name}.jws", JOSE, view.confirmation.encode()))
    return files
