"""The parts of a bundle, read as what they should be; a part that is missing, or that contradicts another, is a ``Refusal``. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.evidence import papers
from schemas.problems import refuse
from signing.trust.pins import fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.evidence.papers import Index

P = TypeVar("P")


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at and is true. ``check``: a word of ``words.toml``; ``about``: a file or an id.

    ``at``: when, where a time belongs to it; ``proved``: an authority says so, not the hub alone. ``signer``: SHA-256 (hex) of
    the certificate by which the hub signed it, where it did.
    """

    check: str
    about: str
    at: datetime | None = None
    proved: bool = False
    signer: str = ""


class Parts:
    """``files``: by name, each the one that was signed."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def file(self, name: str) -> bytes:
        """Raises ``Refusal`` HUB-EVD-004."""
        try:
            return self.files[name]
        except KeyError:
            raise refuse("HUB-EVD-004", name, rule="the part") from None

    def paper(self, name: str, kind: type[P]) -> P:
        try:
            return msgspec.json.decode(self.file(name), type=kind)
        except msgspec.DecodeError as error:
            raise refuse("HUB-EVD-010", name, rule="what this part says") from error

    def holds(self, name: str, *, true: bool, rule: str) -> None:
        """Raises ``Refusal`` HUB-EVD-010 where it is not true."""
        if not true:
            raise refuse("HUB-EVD-010", name, rule=rule)

    def same(self, name: str, content: str, digest: str) -> None:
        found = hashlib.sha256(self.file(content)).hexdigest()
        self.holds(name, true=found == digest, rule=f"the digest of {content}")

    def closed(self, index: Index) -> None:
        """Nothing lies in it that nobody looks at, or that is another's under this name."""
        whole = index.about != "transfer" or index.transfers == (index.id,)
        self.holds(papers.INDEX, true=whole, rule="the transfer that it is about, and no other")
        for name in self.files:
            self.holds(name, true=papers.belongs(name, index), rule="only parts that the index names")
        for name, certificate in self.certificates():
            found = fingerprints(certificate.public_bytes(Encoding.DER))[0]
            self.holds(name, true=name == papers.certificate(found), rule="the certificate of this name")

    def certificates(self) -> Iterator[tuple[str, x509.Certificate]]:
        for name, content in self.files.items():
            if name.startswith(papers.CERTIFICATES):
                try:
                    yield name, x509.load_pem_x509_certificate(content)
                except ValueError as error:
                    raise refuse("HUB-EVD-010", name, rule="a certificate") from error
