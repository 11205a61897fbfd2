"""Which certificates authorities are asked about, and how the question travels."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.rounds import beside
from hub.trust.asking import Asking, opened
from hub.trust.contract import Said, Standing
from hub.trust.inquiry import Inquiry, Source, Subject
from hub.wiring.parts import utc_now
from hub.wiring.tools import keys_of
from schemas.problems import refuse
from signing.trust import status
from signing.trust.pins import fingerprints, load_pins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from pathlib import Path

    from hub.settings import Revocation, Settings, Trust
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared

LARGEST_LIST = 32 << 20
LIST_AGE = timedelta(seconds=30)
"""A list that was fetched just now serves all certificates that stand on it."""
_NONCE = 16


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that a partner signs with. ``file``: where it is pinned; ``told``: how it is asked about."""

    partner: str
    file: str
    certificate: x509.Certificate
    told: Revocation


def authorities_of(told: Trust) -> tuple[x509.Certificate, ...]:
    """Raises ``Refusal`` HUB-CRT-003 naming the file."""
    found: list[x509.Certificate] = []
    for file in told.authorities:
        try:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            raise refuse(
                "HUB-CRT-003", file.name, rule="PEM certificates", detail=type(error).__name__
            ) from error
    return tuple(found)


def rules_of(what: Declared) -> dict[str, Revocation]:
    """How each sender's certificates are asked about."""
    return {
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
            yield from _pinned(partner.id, (*proof.certificates, *theirs), proof.revocation)
        reply = partner.receives.reply_signature if partner.receives else None
        if reply is not None:
            yield from _pinned(partner.id, reply.certificates, reply.revocation)


def _pinned(partner: str, files: Iterable[Path], told: Revocation) -> Iterator[Pinned]:
    for file in files:
        for one in load_pins([file]):
            yield Pinned(partner=partner, file=file.name, certificate=one.certificate, told=told)


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
    everything = [(one.certificate, one.told) for one in pinned(what)]
    own = [(one, told.own) for one in own_certificates(what.settings)]
    return subjects_of([*everything, *own], authorities_of(told))


@asynccontextmanager
async def inquiring(store: Store, what: Declared, name: str) -> AsyncIterator[None]:
    """Ask about certificates while the context lasts."""
    told = what.settings.trust
    asker = Asker(told.timeout)
    inquiry = Inquiry(store, asked_about(what), asker, now=utc_now, holder=name, every=told.every)
    try:
        async with beside(inquiry.run()):
            yield
        await inquiry.end()
    finally:
        await asker.close()
