"""Puts together what proves a transfer, or a whole dossier: everything that the store has of it, as files."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - part of public signatures
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence import of_messages, of_transfers, papers
from hub.evidence.papers import BYTES, JSON, PEM, Index, write
from hub.receipts.receipts import Confirm  # noqa: TC001 - part of a public value
from signing.asic.container import File
from signing.trust.pins import fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cryptography import x509

    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView


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
    found: dict[str, File] = {}
    signers: set[str] = set()
    messages: list[str] = []
    for id_ in dict.fromkeys(transfer.message for transfer in asked.transfers):
        transfers = [one for one in asked.transfers if one.message == id_]
        made = await _message(store, id_, transfers, means, now)
        if made is not None:
            messages.append(id_)
            signers |= made[1]
            found |= {file.name: file for file in made[0]}
    certificates = [*means.own, *(means.pins[one] for one in sorted(signers) if one in means.pins)]
    found |= {file.name: file for file in _certificates(certificates)}
    for one in certificates:
        found |= {file.name: file for file in await _revocation(store, one)}
    index = Index(
        format=papers.FORMAT,
        about=asked.about,
        id=asked.id,
        made_at=now,
        version=means.version,
        messages=tuple(messages),
        transfers=tuple(one.id for one in asked.transfers if one.message in messages),
        certificates=tuple(sorted({_fingerprint(one) for one in certificates})),
    )
    return [File(papers.INDEX, JSON, write(index)), *(found[name] for name in sorted(found))]


async def _message(
    store: Store, id_: str, transfers: Sequence[TransferView], means: Means, now: datetime
) -> tuple[list[File], set[str]] | None:
    """Return the files of one message and its transfers, and whose signatures the hub verified; ``None``: it is gone."""
    view = await store.message(id_)
    if view is None:
        return None
    entries = await store.evidence.prove(id_)
    files = [*of_messages.journal(id_, entries)]
    files += of_messages.message(view, await store.evidence.contents(transfers[0].id))
    for transfer in transfers:
        contents = await store.evidence.contents(transfer.id)
        files += of_transfers.transfer(transfer, contents, entries)
        files += of_transfers.statement(transfer, view, contents, entries, means.confirm, now)
        files += await of_transfers.calls(store, transfer.id)
        files += await of_transfers.their_receipt(store, transfer.id)
        files += await of_transfers.non_delivery(store, transfer.id)
    return files, set(of_messages.signers(entries))


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
    return [File(f"{papers.REVOCATION}{fingerprint}.der", BYTES, standing.answer)]
