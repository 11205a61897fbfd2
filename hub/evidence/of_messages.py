"""What the store has of a message, as files: how it came, what the hub confirmed, every journal entry with its proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.evidence import papers
from hub.evidence.chain import moment, said
from hub.evidence.papers import BYTES, JOSE, JSON, STAMP, Entry, Message, Stamped, ending, write
from signing.asic.container import File

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from hub.evidence.contract import Contents, Proven
    from hub.store.contract.views import MessageView


def message(view: MessageView, contents: Contents) -> Iterator[File]:
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
        yield File(papers.of_message(view.id, "receipt.jws"), JOSE, view.confirmation.encode())


def journal(id_: str, entries: Sequence[Proven]) -> Iterator[File]:
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


def facts(entries: Sequence[Proven], what: str, transfer: str = "") -> tuple[datetime, dict[str, str]] | None:
    """Return when a journal entry was written, and what it says."""
    for each in entries:
        if each.row.what == what and each.row.transfer == transfer:
            return moment(each.row.at), papers.facts(each.row.facts)
    return None


def signers(entries: Sequence[Proven]) -> Iterator[str]:
    """Whose signatures the hub verified: of the message, and of receipts."""
    for each in entries:
        signer = papers.facts(each.row.facts).get("signer")
        if signer:
            yield signer
