"""Do the papers of a bundle bear each other out? Pure: files in, what holds out; the first contradiction is a ``Refusal``.

Only what is in the files counts, and only as far as ``anchors`` vouch for it. That every file is the one that was signed was
seen before (``signing.asic``).
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509

from hub.evidence import papers
from hub.evidence.chain import moment
from hub.evidence.entries import Entries
from hub.evidence.papers import Call, Message, Said, Statement, Transfer
from hub.evidence.parts import Holds, Parts
from hub.receipts.receipts import NonDelivery
from hub.story import filling
from schemas.problems import Refusal, refuse
from signing import bindings
from signing.contract import Wire
from signing.jose.detached import DetachedVerifier
from signing.profiles import PROFILES
from signing.trust.pins import Pins, pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signing.asic.anchors import Anchors

_TAKEN = ("acknowledge", "receipt_contradicts")


class _Receipt(msgspec.Struct, frozen=True):
    """What a receipt says of its message. ``about``: a transfer that the hub could not deliver, and then it confirms no bytes."""

    message: str
    accepted_at: datetime
    digest: str = ""
    kind: str = ""
    key: str = ""
    about: str = ""


def examine(files: Mapping[str, bytes], anchors: Anchors, at: datetime) -> list[Holds]:
    """Return everything that holds. ``at``: for signers whose papers nobody stamped. Raises ``Refusal`` HUB-EVD-004, -010, HUB-*."""
    return list(_Reader(files, anchors, at).all())


class _Reader:
    def __init__(self, files: Mapping[str, bytes], anchors: Anchors, at: datetime) -> None:
        self._parts, self._anchors, self._at = Parts(files), anchors, at
        self._entries = Entries(self._parts, anchors.stamps)
        self._told: dict[str, Message] = {}

    def all(self) -> Iterator[Holds]:
        index = papers.read_index(self._parts.files)
        if index.format != papers.FORMAT:
            raise refuse("HUB-EVD-001", papers.INDEX, rule=f"format {papers.FORMAT}")
        self._parts.closed(index)
        for id_ in index.messages:
            yield from self._entries.read(id_)
            yield from self._message(id_)
        for id_ in index.transfers:
            yield from self._transfer(id_)

    # --- messages

    def _message(self, id_: str) -> Iterator[Holds]:
        name = papers.of_message(id_, "message.json")
        told = self._parts.paper(name, Message)
        self._parts.holds(name, true=told.id == id_, rule="this message")
        self._told[id_] = told
        accepted = self._entries.said("accepted", id_)
        if accepted is not None:
            self._parts.holds(
                name, true=accepted.facts.get("digest") == told.sha256, rule="the journal's digest"
            )
            self._parts.holds(name, true=moment(accepted.at) == told.accepted_at, rule="the journal's time")
        if told.content:
            self._parts.holds(
                name, true=told.content.startswith(papers.of_message(id_, "")), rule="bytes of its own"
            )
            self._parts.same(name, told.content, told.sha256)
        if told.content and accepted is not None:
            yield Holds(check="received", about=told.content, at=told.accepted_at)
            yield from self._origin(told, accepted)
        yield from self._receipt(told)

    def _receipt(self, told: Message) -> Iterator[Holds]:
        name = papers.of_message(told.id, "receipt.json")
        if name not in self._parts.files:
            return
        said = self._parts.paper(name, _Receipt)
        its, whose = (said.message, said.accepted_at), (told.id, told.accepted_at)
        self._parts.holds(name, true=its == whose, rule="the receipt of this message")
        if not said.about:
            confirmed = (said.digest, said.kind, said.key) == (told.sha256, told.kind, told.key)
            self._parts.holds(name, true=confirmed, rule="the digest of what was received")
        yield from self._signed(name, "receipt", told.accepted_at)

    def _origin(self, told: Message, accepted: Said) -> Iterator[Holds]:
        """The origin's own signature over what was received, by the certificate that the hub believed, as far as the usual
        form of its binding goes. Whether to believe that certificate is the reader's to say, so nothing fails here.
        """
        facts = accepted.facts
        profile = PROFILES.get(facts.get("profile", "").partition("@")[0])
        certificate = self._parts.files.get(papers.certificate(facts.get("signer", "")))
        if profile is None or certificate is None:
            return
        headers = {name.lower(): value for name, value in told.headers.items()}
        wire = Wire(body=self._parts.file(told.content), headers=headers)
        with contextlib.suppress(Refusal, ValueError):
            one = pin(x509.load_pem_x509_certificate(certificate))
            verified = bindings.verifier(Pins([one]), profile).verify(wire, told.accepted_at)
            yield Holds(
                check="origin", about=f"{told.content}: {verified.signer.subject}", at=told.accepted_at
            )

    # --- transfers

    def _transfer(self, id_: str) -> Iterator[Holds]:
        name = papers.of_transfer(id_, "transfer.json")
        told = self._parts.paper(name, Transfer)
        self._parts.holds(name, true=told.id == id_, rule="this transfer")
        self._parts.holds(name, true=told.message in self._told, rule="a message that the index names")
        sealed = self._entries.said("sealed", id_)
        if sealed is not None:
            self._parts.holds(
                name, true=sealed.facts.get("digest") == told.sha256, rule="the journal's digest"
            )
            self._parts.holds(
                name, true=sealed.message == told.message, rule="the message that the journal names"
            )
        if told.content:
            self._parts.holds(
                name, true=told.content.startswith(papers.of_transfer(id_, "")), rule="bytes of its own"
            )
            self._parts.same(name, told.content, told.sha256)
        if told.content and sealed is not None:
            yield Holds(check="sent", about=told.content, at=moment(sealed.at))
        yield from self._replies(id_)
        yield from self._their_receipt(told)
        statement = papers.of_transfer(id_, "statement.json")
        if statement in self._parts.files:
            yield from self._statement(statement, told, sealed)
        failed = papers.of_transfer(id_, "non-delivery.json")
        if failed in self._parts.files:
            said = self._parts.paper(failed, NonDelivery)
            self._parts.holds(failed, true=said.about == id_, rule="about this transfer")
            self._parts.holds(
                failed, true=(said.of, said.partner) == (told.message, told.partner), rule="its transfer"
            )
            yield from self._signed(failed, "non_delivery", said.at)

    def _replies(self, id_: str) -> Iterator[Holds]:
        """Replies that the partner signed, as far as the usual form of its binding goes; nothing fails here, as with an origin."""
        calls = papers.of_transfer(id_, "calls/")
        for told in self._parts.files:
            if not told.startswith(calls) or not told.endswith(".json"):
                continue
            call = self._parts.paper(told, Call)
            profile = PROFILES.get(call.profile.partition("@")[0])
            certificate = self._parts.files.get(papers.certificate(call.signer))
            if profile is None or certificate is None:
                continue
            at, name = (
                call.started_at + timedelta(seconds=call.seconds),
                f"{told.removesuffix('.json')}.received",
            )
            with contextlib.suppress(Refusal, ValueError):
                one = pin(x509.load_pem_x509_certificate(certificate))
                verified = bindings.verifier(Pins([one]), profile).verify(
                    _replied(self._parts.file(name)), at
                )
                yield Holds(check="reply", about=f"{name}: {verified.signer.subject}", at=at)

    def _their_receipt(self, told: Transfer) -> Iterator[Holds]:
        """The partner's receipt is the one that the journal names, and theirs by the certificate that the hub believed then."""
        name = papers.of_transfer(told.id, "partner-receipt")
        taken = next((said for what in _TAKEN if (said := self._entries.said(what, told.id))), None)
        if name not in self._parts.files or taken is None or "digest" not in taken.facts:
            return
        self._parts.same(name, name, taken.facts["digest"])
        certificate = self._parts.files.get(papers.certificate(taken.facts.get("signer", "")))
        token = self._parts.files.get(f"{name}.jws", b"").decode("ascii", "replace")
        at = moment(taken.at)
        with contextlib.suppress(Refusal, ValueError):
            one = pin(x509.load_pem_x509_certificate(certificate or b""))
            verified = DetachedVerifier(Pins([one])).verify(self._parts.file(name), token, at)
            yield Holds(check="partner_receipt", about=f"{name}: {verified.signer.subject}", at=at)

    def _statement(self, name: str, told: Transfer, sealed: Said | None) -> Iterator[Holds]:
        said, message = self._parts.paper(name, Statement), self._told[told.message]
        its = (said.transfer, said.message, said.key, said.sender, said.recipient)
        whose = (told.id, told.message, told.key, message.sender, told.partner)
        self._parts.holds(name, true=its == whose, rule="its transfer")
        self._parts.holds(
            name, true=said.origin.sha256 == message.sha256, rule="the digest of what was received"
        )
        self._parts.holds(name, true=said.result.sha256 == told.sha256, rule="the digest of what was sent")
        self._parts.holds(name, true=said.accepted_at == message.accepted_at, rule="the time of acceptance")
        if sealed is not None:
            mapping = sealed.facts.get("mapping", said.result.format)
            self._parts.holds(
                name, true=said.result.format == mapping, rule="the mapping that the journal names"
            )
            taken = filling.read(sealed.facts.get("taken", ""))
            self._parts.holds(name, true=said.taken == taken, rule="what the journal says was taken")
            self._parts.holds(name, true=said.sealed_at == moment(sealed.at), rule="the journal's time")
        accepted = self._entries.said("accepted", told.message)
        format_ = accepted.facts.get("format", "") if accepted else said.origin.format
        self._parts.holds(name, true=said.origin.format == format_, rule="the format that the journal names")
        yield from self._signed(name, "statement", said.issued_at)

    # --- what the hub signed

    def _signed(self, name: str, check: str, at: datetime) -> Iterator[Holds]:
        """A paper that the hub signed, where it did, by a certificate that is in the bundle and believed for that time."""
        token_name = name.removesuffix(".json") + ".jws"
        if token_name not in self._parts.files:
            return
        token = self._parts.file(token_name).decode("ascii", "replace")
        then = min(at, self._at)  # a clock that was ahead: it was signed before the bundle, whatever it says
        verified = DetachedVerifier(self._pins(then)).verify(self._parts.file(name), token, at)
        signer = verified.signer
        yield Holds(check=check, about=f"{name}: {signer.subject}", at=at, signer=signer.fingerprint)

    def _pins(self, at: datetime) -> Pins:
        return Pins(pin(one) for _, one in self._parts.certificates() if self._believed(one, at))

    def _believed(self, certificate: x509.Certificate, at: datetime) -> bool:
        try:
            self._anchors.believe(certificate, at)
        except Refusal:
            return False
        return True


def _replied(received: bytes) -> Wire:
    """Read an answer as it came: its first line, its headers, its body (RFC 9112)."""
    head, _, body = received.partition(b"\r\n\r\n")
    told = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return Wire(body=body, headers={name.strip().lower(): value.strip() for name, _, value in told})
