"""Do the papers of a bundle bear each other out? Pure: files in, what holds out; the first contradiction is a ``Refusal``.

Only what is in the files counts, and only as far as ``anchors`` vouch for it. That every file is the one that was signed was
seen before (``signing.asic``).
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from cryptography import x509

from hub.evidence import merkle, papers
from hub.evidence.chain import link, moment
from hub.evidence.papers import Entry, Message, Said, Statement, Transfer
from hub.receipts import NonDelivery
from schemas.problems import Refusal, refuse
from signing import bindings, timestamps
from signing.contract import Wire
from signing.jose.detached import DetachedVerifier
from signing.profiles import PROFILES
from signing.trust.pins import Pins, pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signing.asic.anchors import Anchors

P = TypeVar("P")
_SKEW = timedelta(minutes=1)


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at and is true. ``check``: a word of ``words.toml``; ``about``: a file or an id.

    ``at``: when, where a time belongs to it; ``proved``: an authority says so, not the hub alone.
    """

    check: str
    about: str
    at: datetime | None = None
    proved: bool = False


def examine(files: Mapping[str, bytes], anchors: Anchors, at: datetime) -> list[Holds]:
    """Return everything that holds. ``at``: for signers whose papers nobody stamped. Raises ``Refusal`` HUB-EVD-004, -010, HUB-*."""
    return list(_Reader(files, anchors, at).all())


class _Reader:
    def __init__(self, files: Mapping[str, bytes], anchors: Anchors, at: datetime) -> None:
        self._files, self._anchors, self._at = files, anchors, at
        self._accepted: dict[str, Said] = {}
        self._sealed: dict[str, Said] = {}
        self._digests: dict[str, str] = {}
        self._stamps: dict[tuple[str, bytes], datetime] = {}

    def all(self) -> Iterator[Holds]:
        index = papers.read_index(self._files)
        if index.format != papers.FORMAT:
            raise refuse("HUB-EVD-001", papers.INDEX, rule=f"format {papers.FORMAT}")
        for id_ in index.messages:
            yield from self._journal(id_)
            yield from self._message(id_)
        for id_ in index.transfers:
            yield from self._transfer(id_)

    # --- what is there

    def _file(self, name: str) -> bytes:
        try:
            return self._files[name]
        except KeyError:
            raise refuse("HUB-EVD-004", name, rule="the part") from None

    def _paper(self, name: str, kind: type[P]) -> P:
        try:
            return msgspec.json.decode(self._file(name), type=kind)
        except msgspec.DecodeError as error:
            raise refuse("HUB-EVD-010", name, rule="what this part says") from error

    def _holds(self, name: str, *, true: bool, rule: str) -> None:
        if not true:
            raise refuse("HUB-EVD-010", name, rule=rule)

    def _same(self, name: str, content: str, digest: str) -> None:
        found = hashlib.sha256(self._file(content)).hexdigest()
        self._holds(name, true=found == digest, rule=f"the digest of {content}")

    # --- messages

    def _journal(self, id_: str) -> Iterator[Holds]:
        name = papers.of_message(id_, "journal.json")
        for entry in self._paper(name, tuple[Entry, ...]):
            said = self._entry(name, entry, id_)
            proved_at = self._stamped(name, entry)
            if said.what == "accepted":
                self._accepted[id_] = said
            elif said.what == "sealed":
                self._sealed[said.transfer] = said
            yield Holds(
                check="entry",
                about=f"{said.seq} {said.what} {said.transfer or said.message}",
                at=proved_at or moment(said.at),
                proved=proved_at is not None,
            )

    def _entry(self, name: str, entry: Entry, id_: str) -> Said:
        try:
            said = msgspec.json.decode(entry.said, type=Said)
            chained = link(bytes.fromhex(entry.before), entry.said.encode()).hex()
        except (msgspec.DecodeError, ValueError) as error:
            raise refuse("HUB-EVD-010", name, rule="journal entries") from error
        self._holds(name, true=chained == entry.hash, rule=f"the hash of entry {said.seq}")
        self._holds(name, true=said.message == id_, rule="entries of this message")
        return said

    def _stamped(self, name: str, entry: Entry) -> datetime | None:
        root = entry.root
        if root is None:
            return None
        try:
            path = [bytes.fromhex(step) for step in entry.path]
            climbed = merkle.climb(bytes.fromhex(entry.hash), entry.place, root.leaves, path)
            digest = bytes.fromhex(root.digest)
        except ValueError as error:
            raise refuse("HUB-EVD-010", name, rule="hashes") from error
        self._holds(name, true=climbed == digest, rule="the way from each entry up to its digest")
        if not root.token:
            return None
        return self._time(root.token, digest)

    def _time(self, token: str, digest: bytes) -> datetime:
        """Many entries are under one stamp: it is looked at once."""
        known = self._stamps.get((token, digest))
        if known is None:
            known = timestamps.read(self._file(token), digest, self._anchors.stamps)
            self._stamps[token, digest] = known
        return known

    def _message(self, id_: str) -> Iterator[Holds]:
        name = papers.of_message(id_, "message.json")
        told = self._paper(name, Message)
        accepted = self._accepted.get(id_)
        if accepted is not None:
            self._holds(name, true=accepted.facts.get("digest") == told.sha256, rule="the journal's digest")
        if told.content:
            self._same(name, told.content, told.sha256)
            yield Holds(check="received", about=told.content, at=told.accepted_at)
            yield from self._origin(told, accepted)
        self._digests[id_] = told.sha256
        receipt = papers.of_message(id_, "receipt.json")
        if receipt in self._files:
            said = self._paper(receipt, dict[str, Any])
            self._holds(receipt, true=said.get("message") == id_, rule="the receipt of this message")
            digest = said.get("digest", told.sha256)  # what the hub says itself confirms no bytes of others
            self._holds(receipt, true=digest == told.sha256, rule="the digest of what was received")
            yield from self._signed(receipt, "receipt", told.accepted_at)

    def _origin(self, told: Message, accepted: Said | None) -> Iterator[Holds]:
        """The origin's own signature over what was received, by the certificate that the hub believed, as far as the usual
        form of its binding goes. Whether to believe that certificate is the reader's to say, so nothing fails here.
        """
        facts = accepted.facts if accepted else {}
        profile = PROFILES.get(facts.get("profile", "").partition("@")[0])
        certificate = self._files.get(papers.certificate(facts.get("signer", "")))
        if profile is None or certificate is None:
            return
        headers = {name.lower(): value for name, value in told.headers.items()}
        wire = Wire(body=self._file(told.content), headers=headers)
        with contextlib.suppress(Refusal, ValueError):
            one = pin(x509.load_pem_x509_certificate(certificate))
            verified = bindings.verifier(Pins([one]), profile).verify(wire, told.accepted_at)
            yield Holds(
                check="origin", about=f"{told.content}: {verified.signer.subject}", at=told.accepted_at
            )

    # --- transfers

    def _transfer(self, id_: str) -> Iterator[Holds]:
        name = papers.of_transfer(id_, "transfer.json")
        told = self._paper(name, Transfer)
        sealed = self._sealed.get(id_)
        if sealed is not None:
            self._holds(name, true=sealed.facts.get("digest") == told.sha256, rule="the journal's digest")
        if told.content:
            self._same(name, told.content, told.sha256)
            yield Holds(check="sent", about=told.content, at=moment(sealed.at) if sealed else None)
        statement = papers.of_transfer(id_, "statement.json")
        if statement in self._files:
            yield from self._statement(statement, told, sealed)
        failed = papers.of_transfer(id_, "non-delivery.json")
        if failed in self._files:
            said = self._paper(failed, NonDelivery)
            self._holds(failed, true=said.about == id_, rule="about this transfer")
            yield from self._signed(failed, "non_delivery", said.at)

    def _statement(self, name: str, told: Transfer, sealed: Said | None) -> Iterator[Holds]:
        said = self._paper(name, Statement)
        self._holds(name, true=said.transfer == told.id and said.message == told.message, rule="its transfer")
        origin = self._digests.get(told.message, said.origin.sha256)
        self._holds(name, true=said.origin.sha256 == origin, rule="the digest of what was received")
        self._holds(name, true=said.result.sha256 == told.sha256, rule="the digest of what was sent")
        mapping = sealed.facts.get("mapping", said.result.format) if sealed else said.result.format
        self._holds(name, true=said.result.format == mapping, rule="the mapping that the journal names")
        yield from self._signed(name, "statement", said.issued_at)

    # --- what the hub signed

    def _signed(self, name: str, check: str, at: datetime) -> Iterator[Holds]:
        """A paper that the hub signed, where it did, by a certificate that is in the bundle and believed for that time."""
        token_name = name.removesuffix(".json") + ".jws"
        if token_name not in self._files:
            return
        self._holds(name, true=at <= self._at + _SKEW, rule="no time after that of the bundle")
        token = self._file(token_name).decode("ascii", "replace")
        verified = DetachedVerifier(self._pins(at)).verify(self._file(name), token, at)
        yield Holds(check=check, about=f"{name}: {verified.signer.subject}", at=at)

    def _pins(self, at: datetime) -> Pins:
        return Pins(pin(one) for one in self._certificates() if self._believed(one, at))

    def _certificates(self) -> Iterator[x509.Certificate]:
        for name, content in self._files.items():
            if name.startswith(papers.CERTIFICATES):
                try:
                    yield x509.load_pem_x509_certificate(content)
                except ValueError as error:
                    raise refuse("HUB-EVD-010", name, rule="a certificate") from error

    def _believed(self, certificate: x509.Certificate, at: datetime) -> bool:
        try:
            self._anchors.believe(certificate, at)
        except Refusal:
            return False
        return True
