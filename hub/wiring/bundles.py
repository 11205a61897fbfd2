"""Evidence bundles: written with the hub's key and an authority's stamp, read by nothing but anchors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence import bundling, papers, report
from hub.evidence.bundling import Asked, Means
from hub.evidence.examining import examine
from hub.evidence.keeping import EvidenceKeeper, Stamping
from hub.evidence.standing import standings
from hub.settings import file as settings_file
from hub.version import own_version
from hub.wiring.declared import declared
from hub.wiring.parts import utc_now
from hub.wiring.timestamps import anchors_of, stamper
from hub.wiring.tools import keys_of
from schemas.problems import Refusal, refuse
from signing import timestamps
from signing.asic import anchors as asic_anchors
from signing.asic.anchors import Anchors
from signing.asic.container import File
from signing.asic.opinion import agree
from signing.asic.signature import Checked, seal, verify
from signing.jose.detached import DetachedSigner
from signing.trust.pins import fingerprints, load_pins

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from hub.evidence.parts import Holds
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from signing.keys.ring import KeyRing

CHAINED_AT_ONCE = 10_000
MOST_MESSAGES = 500
"""The store shows no more of one dossier; a bundle that leaves something out would say so nowhere."""


class Bundle(NamedTuple):
    """``unstamped``: why no authority stamped it: a code, or empty when none is declared."""

    content: bytes
    messages: int
    transfers: int
    files: int
    stamped: bool
    unstamped: str


@dataclass(frozen=True)
class Proof:
    """What a bundle proves to somebody who believes these anchors and nothing else."""

    index: papers.Index
    checked: Checked
    holds: Sequence[Holds]

    @property
    def vouched(self) -> bool:
        """Whether an authority's word about the signer's certificate is in it and counts. Who forges a bundle leaves it out."""
        name = f"{papers.REVOCATION}{self.checked.signer.fingerprint}.der"
        return any(one.check == "standing" and one.about.startswith(name) for one in self.holds)


async def export(
    path: Path,
    store: Store,
    wanted: str,
    now: datetime,
    second: Callable[[bytes, x509.Certificate], None] = agree,
) -> Bundle:
    """Write everything that proves a transfer, or a dossier by its code or id. It leaves only when a ``second`` opinion agrees.

    Raises ``Refusal`` HUB-EVD-011, -012, HUB-LAN-004, HUB-KEY-001.
    """
    settings = settings_file.load(path)
    if not settings.evidence.key:
        raise refuse("HUB-EVD-011", "evidence.key")
    asked = await _asked(store, wanted)
    ring = keys_of(settings, settings.evidence.key)
    ring.bars.add([one.fingerprint for one in await store.trust.barred()])
    key = ring.key(settings.evidence.key, now)
    async with stamper(settings.timestamps) as authority:
        stamp = authority.stamp if authority else None
        await _up_to_date(store, settings, stamp)
        means = Means(
            confirm=DetachedSigner(key).sign,
            own=_own(settings, ring),
            pins=_pins(path),
            version=own_version(),
        )
        files = await bundling.gather(store, asked, means, now)
        files = _reported(files, _anchors(settings, ring), now)
        try:
            content, unstamped = await seal(files, key, now, stamp), ""
        except Refusal as refusal:
            if not refusal.code.startswith("HUB-TSP"):
                raise
            content, unstamped, stamp = await seal(files, key, now), refusal.code, None
    second(content, key.certificate)
    return Bundle(
        content=content,
        messages=len({one.message for one in asked.transfers}),
        transfers=len(asked.transfers),
        files=len(files),
        stamped=stamp is not None,
        unstamped=unstamped,
    )


async def check(path: Path | None, raw: bytes, given: Sequence[Path], now: datetime) -> Proof:
    """Look at a bundle offline. ``given``: PEM files of whom to believe; without one the settings' own. Raises ``Refusal``."""
    if given or path is None:
        believed = asic_anchors.load(given, timestamps.load_anchors(given))
    else:
        settings = settings_file.load(path)
        name = settings.evidence.key
        believed = _anchors(settings, keys_of(settings, name) if name else None)
    checked = verify(raw, believed, now)
    holds = examine(checked.files, believed, checked.at)
    signed = [(checked.signer.fingerprint, checked.at)]
    signed += [(one.signer, one.at) for one in holds if one.signer and one.at]
    holds += await standings(checked.files, believed.seals, checked.at, signed)
    return Proof(papers.read_index(checked.files), checked, holds)


async def _asked(store: Store, wanted: str) -> Asked:
    """A transfer by the beginning of its id, else a dossier."""
    for spelling in dict.fromkeys((wanted, wanted.upper())):
        view = await store.transfer(spelling)
        if view is not None:
            return Asked("transfer", view.id, (view,))
    dossier = await store.dossier(wanted)
    if dossier is None or not dossier.transfers:
        raise refuse("HUB-LAN-004", detail=wanted)
    if len(dossier.messages) >= MOST_MESSAGES:
        raise refuse("HUB-EVD-009", rule=f"fewer than {MOST_MESSAGES} messages")
    return Asked("dossier", wanted, dossier.transfers)


async def _up_to_date(
    store: Store, settings: Settings, stamp: Callable[[bytes], Awaitable[bytes]] | None
) -> None:
    """What happened a moment ago is in the chain and under a digest, too. An authority that is silent stops nothing."""
    while await store.evidence.chain(utc_now(), CHAINED_AT_ONCE):
        pass
    stamping = None
    if stamp is not None:
        stamping = Stamping(stamp, partial(timestamps.read, anchors=anchors_of(settings.timestamps)))
    keeper = EvidenceKeeper(
        store, stamping, now=utc_now, holder="export", interval=settings.evidence.interval
    )
    await keeper.root()


def _reported(files: Sequence[File], believed: Anchors, now: datetime) -> list[File]:
    """Add what the hub itself finds."""
    contents = {file.name: file.content for file in files}
    index, holds = papers.read_index(contents), examine(contents, believed, now)
    return [
        *files,
        File(papers.REPORT, papers.JSON, report.as_json(index, holds)),
        File(papers.PAGE, "text/html", report.as_page(contents, index, holds)),
    ]


def _anchors(settings: Settings, ring: KeyRing | None) -> Anchors:
    """The hub's own certificates, and those of the settings."""
    told = settings.timestamps
    stamps = anchors_of(told) if told.certificates else timestamps.Anchors(roots=())
    declared_ = asic_anchors.load(settings.evidence.certificates, stamps)
    own = () if ring is None else tuple(_own(settings, ring))
    return Anchors(seals=(*declared_.seals, *own), stamps=stamps)


def _own(settings: Settings, ring: KeyRing) -> list[x509.Certificate]:
    return [one.key.certificate for one in ring.generations(settings.evidence.key)]


def _pins(path: Path) -> Mapping[str, x509.Certificate]:
    """The certificates that partners sign with, by fingerprint."""
    return dict(_pinned(path))


def _pinned(path: Path) -> Iterator[tuple[str, x509.Certificate]]:
    what = declared(path)
    for partner in what.partners:
        proofs = [partner.sends.signature] if partner.sends else []
        if partner.receives:
            proofs += [partner.receives.receipt_signature, partner.receives.reply_signature]
        for proof in proofs:
            officers = what.signatories.certificates(partner.agency, what.agencies) if proof else ()
            for one in load_pins([*(proof.pins if proof else ()), *officers]):
                yield fingerprints(one.certificate.public_bytes(Encoding.DER))[0], one.certificate
