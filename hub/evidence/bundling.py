"""Puts together what proves a transfer, or a whole dossier: everything that the store has of it, as files."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence import papers
from hub.evidence.chain import moment, said
from hub.evidence.papers import (
    Call,
    Derivation,
    Entry,
    Index,
    Message,
    Stamped,
    Statement,
    Transfer,
    ending,
    write,
)
from hub.ids import below
from hub.receipts import Confirm  # noqa: TC001 - part of a public value
from hub.store.vault import Unreadable
from signing.asic.container import File
from signing.trust.pins import fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cryptography import x509

    from hub.evidence.contract import Contents, Proven
    from hub.store.contract.store import Store
    from hub.store.contract.views import AttemptView, MessageView, TransferView

JSON, BYTES, STAMP, PEM = (
    "application/json",
    "application/octet-stream",
    "application/timestamp-reply",
    "application/x-pem-file",
)


class Asked(NamedTuple):
    """What a bundle is about. ``about``: ``transfer`` or ``dossier``; ``id``: as it was asked for."""

    about: str
    id: str
    transfers: Sequence[TransferView]


class Means(NamedTuple):
    """``confirm`` signs papers; ``own``: the hub's certificates; ``pins``: partners', by fingerprint; ``version``: the hub's."""

    confirm: Confirm
    own: Sequence[x509.Certificate]
    pins: Mapping[str, x509.Certificate]
    version: str


async def gather(store: Store, asked: Asked, means: Means, now: datetime) -> list[File]:
    """Return every file but the report. What the store no longer has is said to be absent, with the reason."""
    files: dict[str, File] = {}
    signers: set[str] = set()

    def put(found: Iterable[File]) -> None:
        files.update((file.name, file) for file in found)

    messages = dict.fromkeys(transfer.message for transfer in asked.transfers)
    for id_ in messages:
        entries = await store.evidence.prove(id_)
        told = [failed for one in asked.transfers if one.message == id_ for failed in _failures(one.id)]
        failures = [view for each in told if (view := await store.message(each)) is not None]
        view = await store.message(id_)
        if view is None:
            continue
        first = next(one for one in asked.transfers if one.message == id_)
        contents = await store.evidence.contents(first.id)
        put(_journal(id_, entries))
        put(_message(view, contents))
        signers.update(_signers(entries))
        for transfer in asked.transfers:
            if transfer.message == id_:
                its = await store.evidence.contents(transfer.id)
                put(_transfer(transfer, its, entries))
                put(_statement(transfer, view, its, entries, means.confirm, now))
                put(await _calls(store, transfer.id))
                put(await _their_receipt(store, transfer.id))
        put(_non_deliveries(failures))
    certificates = [*means.own, *(means.pins[one] for one in sorted(signers) if one in means.pins)]
    put(_certificates(certificates))
    for one in certificates:
        put(await _revocation(store, one))
    index = Index(
        format=papers.FORMAT,
        about=asked.about,
        id=asked.id,
        made_at=now,
        version=means.version,
        messages=tuple(id_ for id_ in messages if papers.of_message(id_, "message.json") in files),
        transfers=tuple(
            one.id for one in asked.transfers if papers.of_transfer(one.id, "transfer.json") in files
        ),
        certificates=tuple(sorted({_fingerprint(one) for one in certificates})),
    )
    return [File(papers.INDEX, JSON, write(index)), *(files[name] for name in sorted(files))]


# --- a message ------------------------------------------------------------------------------------------------------


def _message(view: MessageView, contents: Contents) -> Iterator[File]:
    content = "" if contents.no_raw else papers.of_message(view.id, f"received{ending(contents.media_type)}")
    told = Message(
        id=view.id,
        sender=view.sender,
        key=view.key,
        kind=view.kind,
        sha256=view.digest,
        accepted_at=view.accepted_at,
        media_type=contents.media_type,
        headers=contents.headers,
        content=content,
        absent=contents.no_raw,
    )
    yield File(papers.of_message(view.id, "message.json"), JSON, write(told))
    if content:
        yield File(content, contents.media_type.partition(";")[0] or BYTES, contents.raw)
    yield File(papers.of_message(view.id, "receipt.json"), JSON, view.receipt)
    if view.confirmation:
        yield File(papers.of_message(view.id, "receipt.jws"), "application/jose", view.confirmation.encode())


def _journal(id_: str, entries: Sequence[Proven]) -> Iterator[File]:
    listed = tuple(
        Entry(
            said=said(each.row).decode(),
            before=each.before.hex(),
            hash=each.hash.hex(),
            place=each.place,
            path=tuple(step.hex() for step in each.path),
            root=Stamped(
                first=each.root.first,
                last=each.root.last,
                leaves=each.root.leaves,
                digest=each.root.digest.hex(),
                at=each.root.at,
                token=_token(each.root.last) if each.root.token else "",
            )
            if each.root
            else None,
        )
        for each in entries
    )
    yield File(papers.of_message(id_, "journal.json"), JSON, write(listed))
    for root in {each.root.last: each.root for each in entries if each.root and each.root.token}.values():
        yield File(_token(root.last), STAMP, root.token)


def _token(last: int) -> str:
    return f"stamps/{last}.tst"


def _facts(
    entries: Sequence[Proven], what: str, transfer: str = ""
) -> tuple[datetime, dict[str, str]] | None:
    """Return when a journal entry was written, and what it says."""
    for each in entries:
        if each.row.what == what and each.row.transfer == transfer:
            return moment(each.row.at), papers.facts(each.row.facts)
    return None


def _signers(entries: Sequence[Proven]) -> Iterator[str]:
    """Whose signatures the hub verified: of the message, and of receipts."""
    for each in entries:
        signer = papers.facts(each.row.facts).get("signer")
        if signer:
            yield signer


# --- a transfer -----------------------------------------------------------------------------------------------------


def _transfer(view: TransferView, contents: Contents, entries: Sequence[Proven]) -> Iterator[File]:
    sealed, journaled = contents.sealed, _facts(entries, "sealed", view.id)
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


def _statement(
    view: TransferView,
    message: MessageView,
    contents: Contents,
    entries: Sequence[Proven],
    confirm: Confirm,
    now: datetime,
) -> Iterator[File]:
    """What was sealed was derived from what was received: both digests, and the mapping that the journal names."""
    sealed, accepted = _facts(entries, "sealed", view.id), _facts(entries, "accepted")
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
    )
    content = write(told)
    yield File(papers.of_transfer(view.id, "statement.json"), JSON, content)
    yield File(
        papers.of_transfer(view.id, "statement.jws"), "application/jose", confirm(content, now).encode()
    )


async def _calls(store: Store, transfer: str) -> list[File]:
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
        )
        yield File(f"{name}.json", JSON, write(told))
        yield File(f"{name}.sent", BYTES, exchange.sent)
        yield File(f"{name}.received", BYTES, exchange.received)


async def _their_receipt(store: Store, transfer: str) -> list[File]:
    try:
        found = await store.evidence.their_receipt(transfer)
    except Unreadable as error:
        return [
            File(papers.of_transfer(transfer, "partner-receipt.absent"), "text/plain", str(error).encode())
        ]
    if found is None:
        return []
    brought = [File(papers.of_transfer(transfer, "partner-receipt"), BYTES, found.raw)]
    if found.signature:
        name = papers.of_transfer(transfer, "partner-receipt.jws")
        brought.append(File(name, "application/jose", found.signature.encode()))
    return brought


def _failures(transfer: str) -> tuple[str, ...]:
    """Ids of the messages that told its sender: that it failed, that it would be late (``hub.failure``)."""
    return below(transfer, "failed"), below(transfer, "late")


def _non_deliveries(told: Iterable[MessageView]) -> Iterator[File]:
    for view in told:
        about = papers.about(view.receipt)
        if about:
            yield File(papers.of_transfer(about, "non-delivery.json"), JSON, view.receipt)
            if view.confirmation:
                name = papers.of_transfer(about, "non-delivery.jws")
                yield File(name, "application/jose", view.confirmation.encode())


# --- certificates ---------------------------------------------------------------------------------------------------


def _fingerprint(certificate: x509.Certificate) -> str:
    return fingerprints(certificate.public_bytes(Encoding.DER))[0]


def _certificates(certificates: Iterable[x509.Certificate]) -> Iterator[File]:
    for one in certificates:
        yield File(papers.certificate(_fingerprint(one)), PEM, one.public_bytes(Encoding.PEM))


async def _revocation(store: Store, certificate: x509.Certificate) -> list[File]:
    fingerprint = _fingerprint(certificate)
    standing = await store.trust.standing(fingerprint)
    if standing is None or not standing.answer:
        return []
    return [File(f"revocation/{fingerprint}.der", BYTES, standing.answer)]
