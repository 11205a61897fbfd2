"""Which certificates authorities are asked about, and how the question travels."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from hub.rounds.rounds import beside
from hub.trust.asking import Asking, opened
from hub.trust.contract import Said, Standing
from hub.trust.forecast import Ending, Facts, Key, Pinned, Stamping, day_over, forecast, left
from hub.trust.inquiry import Inquiry, Source, Subject
from hub.wiring.parts import utc_now
from hub.wiring.timestamps import anchors_of
from hub.wiring.tools import keys_of
from schemas.problems import refuse
from signing.trust import status
from signing.trust.pins import PinFile, fingerprints, load_certificates, load_pins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cryptography import x509

    from hub.partners.partner import Partner
    from hub.partners.signatures import Proof
    from hub.settings.file import Settings
    from hub.settings.sections import Revocation, Timestamps, Trust
    from hub.store.contract.store import Store
    from hub.trust.state import Known
    from hub.wiring.declared import Declared
    from signing.keys.ring import KeyRing

LARGEST_LIST = 32 << 20
STAMPED_SOON = timedelta(minutes=1)
FAR = 36_500.0
"""Days: all that is known."""
LIST_AGE = timedelta(seconds=30)
"""A list that was fetched just now serves all certificates that stand on it."""
_NONCE = 16


def authorities_of(told: Trust) -> tuple[x509.Certificate, ...]:
    """Raises ``Refusal`` HUB-CRT-003 naming the file."""
    return load_certificates(told.authorities)


def rules_of(what: Declared) -> dict[str, Revocation]:
    """How the certificates are asked about of those who send, and of those who sign the receipts that they bring."""
    signed = {
        partner.id: receives.receipt_signature.revocation
        for partner, receives in what.receiving
        if receives.receipt_signature
    }
    return signed | {
        partner.id: partner.sends.signature.revocation
        for partner in what.partners
        if partner.sends and partner.sends.signature
    }


def reply_rules_of(what: Declared) -> dict[str, Revocation]:
    return {
        partner.id: receives.reply_signature.revocation
        for partner, receives in what.receiving
        if receives.reply_signature
    }


def pinned(what: Declared) -> Iterator[Pinned]:
    """Every certificate that somebody else signs with: partners' and their officers'."""
    for partner in what.partners:
        proof = partner.sends.signature if partner.sends else None
        if proof is not None:
            theirs = what.signatories.certificates(partner.agency, what.agencies) if proof.authority else ()
            yield from _pinned(partner.id, proof.pins, proof.revocation)
            yield from _pinned(partner.id, theirs, proof.revocation, officer=True)
        reply = partner.receives.reply_signature if partner.receives else None
        if reply is not None:
            yield from _pinned(partner.id, reply.pins, reply.revocation, reply=True)
        receipt = partner.receives.receipt_signature if partner.receives else None
        if receipt is not None:
            yield from _pinned(partner.id, receipt.pins, receipt.revocation)


def _pinned(
    partner: str, files: Iterable[Path | PinFile], told: Revocation, **more: bool
) -> Iterator[Pinned]:
    for file in files:
        name = (file.file if isinstance(file, PinFile) else file).name
        for one in load_pins([file]):
            yield Pinned(partner=partner, file=name, pin=one, told=told, **more)


def subjects_of(
    asked: Iterable[tuple[x509.Certificate, Revocation]], authorities: Sequence[x509.Certificate]
) -> list[Subject]:
    """One for each certificate that somebody wants asked about, with everybody's ways to ask."""
    found: dict[str, Subject] = {}
    for certificate, told in asked:
        if told.mode == "off":
            continue
        fingerprint, _ = fingerprints(certificate.public_bytes(Encoding.DER))
        before = found.get(fingerprint)
        sources = (*(before.sources if before else ()), *sources_of(certificate, told))
        found[fingerprint] = Subject(
            fingerprint=fingerprint,
            certificate=certificate,
            issuer=status.issuer_of(certificate, authorities),
            sources=tuple(dict.fromkeys(sources)),
        )
    return list(found.values())


def sources_of(certificate: x509.Certificate, told: Revocation) -> Iterator[Source]:
    """Whom the partner's file names; then what the certificate names, as far as it leads to declared hosts."""
    if told.ocsp:
        yield Source("ocsp", told.ocsp)
    if told.crl:
        yield Source("crl", told.crl)
    for url in status.responders(certificate):
        if _is_allowed(url, told):
            yield Source("ocsp", url)
    for url in status.lists(certificate):
        if _is_allowed(url, told):
            yield Source("crl", url)


def _is_allowed(url: str, told: Revocation) -> bool:
    """A certificate may name any address of our own network: only declared hosts are asked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and not parts.query and not parts.fragment
    return plain and parts.scheme in {"http", "https"} and parts.netloc.lower() in told.hosts


class Asker:
    """``hub.trust.inquiry.Ask`` over HTTP. Redirects are not followed."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._ways: dict[Source, Asking] = {}
        self._lists: dict[Source, tuple[datetime, bytes]] = {}

    async def __call__(self, source: Source, subject: Subject, now: datetime) -> Standing:
        if subject.issuer is None:
            raise refuse("HUB-CRT-006")
        if source.kind == "ocsp":
            nonce = os.urandom(_NONCE)
            asked = status.question(subject.certificate, subject.issuer, nonce)
            raw = await self._way(source)(asked)
            answer = await status.from_ocsp(raw, subject.certificate, subject.issuer, nonce, now)
        else:
            raw = await self._list(source, now)
            answer = await status.from_crl(raw, subject.certificate, subject.issuer, now)
        return Standing(
            fingerprint=subject.fingerprint,
            state=Said(answer.state),
            revoked_at=answer.revoked_at,
            heard_at=now,
            valid_until=answer.valid_until,
            tried_at=now,
            source=source.url,
            answer=answer.raw,
        )

    async def _list(self, source: Source, now: datetime) -> bytes:
        at, raw = self._lists.get(source, (None, b""))
        if at is None or now - at > LIST_AGE:
            raw = await self._way(source)()
            self._lists = {**self._lists, source: (now, raw)}
        return raw

    def _way(self, source: Source) -> Asking:
        if source not in self._ways:
            largest = LARGEST_LIST if source.kind == "crl" else 1 << 18
            http = opened(source.url, self._timeout, utc_now, largest=largest)
            kinds = ("application/ocsp-request", "application/ocsp-response")
            sends, takes = kinds if source.kind == "ocsp" else ("", "")
            self._ways[source] = Asking(http, code=status.NO_ANSWER, sends=sends, takes=takes)
        return self._ways[source]

    async def close(self) -> None:
        for way in self._ways.values():
            await way.close()


def own_certificates(settings: Settings) -> list[x509.Certificate]:
    """Those of the hub's own keys, where they are to be asked about: loading keys takes its time."""
    return [] if settings.trust.own.mode == "off" else [key.certificate for key in keys_of(settings)]


def asked_about(what: Declared) -> list[Subject]:
    """Everything that is to be asked about. Raises ``Refusal`` HUB-CRT-003."""
    told = what.settings.trust
    everything = [(one.pin.certificate, one.told) for one in pinned(what)]
    own = [(one, told.own) for one in own_certificates(what.settings)]
    theirs = load_certificates({file: None for proof in _proofs(what) for file in proof.under})
    return subjects_of([*everything, *own], (*authorities_of(told), *theirs))


def _proofs(what: Declared) -> Iterator[Proof]:
    for partner in what.partners:
        receives = partner.receives
        found = (
            partner.sends and partner.sends.signature,
            receives and receives.reply_signature,
            receives and receives.receipt_signature,
        )
        yield from (proof for proof in found if proof)


@asynccontextmanager
async def inquiring(store: Store, what: Declared, name: str) -> AsyncIterator[None]:
    """Ask about certificates while the context lasts."""
    told = what.settings.trust
    subjects = asked_about(what)
    if not subjects:
        yield
        return
    asker = Asker(told.timeout)
    inquiry = Inquiry(store, subjects, asker, now=utc_now, holder=name, every=told.every)
    try:
        async with beside(inquiry.run()):
            yield
        await inquiry.end()
    finally:
        await asker.close()


# --- what is foreseen ---------------------------------------------------------------------------------------------


def time_left(what: Declared, known: Known) -> Callable[[datetime], Mapping[str, float]]:
    """How long each partner has left, as far as its own certificates go: for figures, of what is in memory."""
    pins = tuple(pinned(what))

    def look(now: datetime) -> Mapping[str, float]:
        standings, barred = known.facts
        return left(forecast(Facts(pins=pins, standings=standings, barred=barred), now, FAR), now)

    return look


async def facts_of(store: Store, what: Declared, ring: KeyRing | None) -> Facts:
    """Everything that the forecast goes by. ``ring``: the hub's own keys, where they could be loaded. Raises ``Refusal``."""
    told = what.settings.timestamps
    stamping = None
    if told.url:
        waiting = (await store.evidence.standing()).unrooted
        stamping = Stamping(grace=told.grace, missing_since=waiting if _waits_long(waiting, what) else None)
    return Facts(
        keys=[_key(name, ring, what) for name in ring.names()] if ring else (),
        pins=tuple(pinned(what)),
        standings={one.fingerprint: one for one in await store.trust.standings()},
        barred={one.fingerprint: one for one in await store.trust.barred()},
        endings=tuple(_endings(what)),
        stamping=stamping,
    )


def _waits_long(since: datetime | None, what: Declared) -> bool:
    """What was chained just now waits for the next root, and for nobody."""
    usual = STAMPED_SOON + timedelta(seconds=2 * what.settings.evidence.interval)
    return since is not None and utc_now() - since > usual


def _key(name: str, ring: KeyRing, what: Declared) -> Key:
    partners = tuple(
        partner.id
        for partner, receives in what.receiving
        if receives.signature and receives.signature.key == name
    )
    return Key(name=name, generations=ring.generations(name), partners=partners)


def _endings(what: Declared) -> Iterator[Ending]:
    for kind, found in (
        ("authority-ends", authorities_of(what.settings.trust)),
        ("tsa-ends", _of_stamps(what.settings.timestamps)),
        ("pdf-anchor-ends", load_certificates(what.settings.documents.signatures.anchors)),
    ):
        for one in found:
            name = one.subject.rfc4514_string()
            yield Ending(kind=kind, name=name, ends=one.not_valid_after_utc)
    for holder in what.signatories.holders:
        for right in holder.rights:
            if right.ends is not None:
                detail = " ".join(part for part in (right.lender, right.decision) if part)
                yield Ending(
                    kind="right-ends",
                    name=f"{holder.id}, {right.title[0]}",
                    ends=day_over(right.ends),
                    detail=detail,
                )
    for partner in what.partners:
        yield from ways_in(partner)
        proof = partner.sends.signature if partner.sends else None
        until: date | None = getattr(proof.profile, "sha1_until", None) if proof else None
        if until is not None:
            ends = day_over(until + timedelta(days=1))
            yield Ending(kind="sha1-ends", name=partner.id, ends=ends, partners=(partner.id,), stops=True)


def ways_in(partner: Partner) -> Iterator[Ending]:
    """What it shows of itself and what ends. With the last of them it stops: it has no other way in."""
    endless = partner.access.signature or partner.signs_badges or partner.access.form
    for one in partner.credentials:
        if one.ends is None:
            continue
        others = any(
            each.ends is None or each.ends > one.ends
            for each in partner.credentials
            if each != one and (one.receipts_only or not each.receipts_only)
        )
        label = f"{one.client} {one.label}".strip()
        yield Ending(
            kind="access-ends",
            name=f"{partner.id}: {label}",
            ends=one.ends,
            partners=(partner.id,),
            stops=not (others or endless),
        )


def _of_stamps(told: Timestamps) -> tuple[x509.Certificate, ...]:
    anchors = anchors_of(told)
    return (*anchors.roots, *anchors.between)
