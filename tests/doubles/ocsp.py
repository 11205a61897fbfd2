"""An authority that says what it thinks of its certificates: ``openssl ocsp`` and a revocation list, behind HTTP.

with ocsp(pki) as authority:
    authority.revoke("seal-2048", at); authority.url; authority.crl_url; authority.mood = "down"
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.doubles.tsa import answering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.pki import Pki

_TIME = "%y%m%d%H%M%SZ"


@dataclass
class Ocsp:
    """``mood``: ``down`` answers 503, ``again`` its first answer for ever, ``babble`` something else, ``nobody`` knows no
    certificate. ``signer``: whose key answers; ``minutes``: how long an answer counts, 0 to leave it unsaid; ``asked``: questions that came.
    """

    pki: Pki
    folder: Path
    url: str = ""
    crl_url: str = ""
    mood: str = ""
    signer: str = "ocsp"
    issuer: str = "root"
    minutes: int = 60
    asked: list[bytes] = field(default_factory=list)
    revoked: dict[str, datetime] = field(default_factory=dict)
    first: bytes = b""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def revoke(self, name: str, at: datetime) -> None:
        self.revoked[name] = at

    def answer(self, query: bytes) -> tuple[int, bytes]:
        with self.turn:
            self.asked.append(query)
            if self.mood == "down":
                return 503, b""
            if self.mood == "babble":
                return 200, b"<html>"
            if self.mood != "again" or not self.first:
                self.first = self.told(query)
            return 200, self.first

    def told(self, query: bytes) -> bytes:
        """Answer without a network."""
        asked, said, index = (self.folder / name for name in ("query", "reply", "index.txt"))
        asked.write_bytes(query)
        index.write_text("" if self.mood == "nobody" else "".join(self._line(name) for name in self._names()))
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n")
        signer = self.pki[self.signer]
        line = (
            f"-index {index} -CA {self.pki[self.issuer].certificate_file} -rsigner {signer.certificate_file}"
            f" -rkey {signer.key_file} -reqin {asked} -respout {said} -rmd sha256"
            + (f" -nmin {self.minutes}" if self.minutes else "")
        )
        subprocess.run(["openssl", "ocsp", *line.split()], check=True, capture_output=True)
        return said.read_bytes()

    def _names(self) -> list[str]:
        return [name for name in self.pki.issued if name != self.issuer]

    def _line(self, name: str) -> str:
        one = self.pki[name].certificate
        ends, at = one.not_valid_after_utc.strftime(_TIME), self.revoked.get(name)
        state, when = ("R", at.astimezone(UTC).strftime(_TIME)) if at else ("V", "")
        number = f"{one.serial_number:X}"
        return "\t".join(
            (state, ends, when, number.zfill(len(number) + len(number) % 2), "unknown", f"/CN={name}\n")
        )

    def crl(self, now: datetime | None = None) -> bytes:
        now = now or datetime.now(UTC)
        issuer = self.pki[self.issuer]
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now - timedelta(seconds=1))
            .next_update(now + timedelta(minutes=self.minutes))
        )
        for name, at in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(self.pki[name].certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(at).build())
        key = self.pki[self.signer if self.signer != "ocsp" else self.issuer].key
        return builder.sign(key, SHA256()).public_bytes(Encoding.DER)

    def listed(self, _: bytes) -> tuple[int, bytes]:
        self.asked.append(b"")
        return (503, b"") if self.mood == "down" else (200, self.crl())


def authority(pki: Pki, **how: str) -> Ocsp:
    return Ocsp(pki, Path(mkdtemp(dir=pki.folder)), **how)  # type: ignore[arg-type]  # the fields above


@contextmanager
def ocsp(pki: Pki) -> Iterator[Ocsp]:
    """Run one on two ports of its own: questions, and its list."""
    told = authority(pki)
    with (
        answering(told.answer, "application/ocsp-response") as told.url,
        answering(told.listed, "application/pkix-crl") as told.crl_url,
    ):
        yield told
