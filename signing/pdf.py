"""Signatures in PDF files (ISO 32000-2 §12.8, PAdES): verified and told, never altered.

pyHanko decides whether a signature holds and what was done to the file after it. Whoever calls bounds time and memory: a
PDF is a program's worth of structure, and a hostile one is read here as far as it goes. Nothing is fetched; revocation is
believed only where the file itself brings its proof.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from signing.pdf_signatures import Examined, Holds, PdfSignature
from signing.trust.pins import load_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pyhanko.sign.validation import EmbeddedPdfSignature, PdfSignatureStatus

MOST = 32
"""Signatures that are looked at in one file."""


class Anchors:
    """The certificates under which signers and time-stamping authorities of PDF files are known."""

    def __init__(self, roots: Iterable[x509.Certificate] = ()) -> None:
        self.roots = tuple(roots)


def load_anchors(files: Iterable[Path]) -> Anchors:
    """Raises ``Refusal`` HUB-CRT-003 naming a file that holds no PEM certificates."""
    found = load_certificates(files)
    return Anchors(x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in found)


def examine(data: bytes, anchors: Anchors, now: datetime) -> Examined:
    """Look at every signature of a file. Never raises for what is in it; ``MemoryError`` where memory is bounded."""
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=False)
        if reader.encrypted:
            return Examined(readable=False)
        embedded = list(reader.embedded_signatures)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a library finds wrong with a file, it cannot be read
        return Examined(readable=False)
    found = [_one(each, anchors, now) for each in embedded[:MOST]]
    return Examined(readable=True, signatures=_reaching(found, beyond=len(embedded) > MOST))


def _reaching(found: Sequence[PdfSignature], *, beyond: bool) -> tuple[PdfSignature, ...]:
    """Where no signature that holds covers the file to its end, bytes were added after all of them: none vouches for the file."""
    if beyond or any(each.whole for each in found):
        return tuple(found)
    lesser = {Holds.GOOD, Holds.UNKNOWN}
    return tuple(
        msgspec.structs.replace(each, holds=Holds.CHANGED) if each.holds in lesser else each for each in found
    )


def _one(embedded: EmbeddedPdfSignature, anchors: Anchors, now: datetime) -> PdfSignature:
    try:
        status = _status(embedded, anchors, now)
        stamped = _stamped(status)
        if stamped is not None and not status.trusted:
            status = _status(embedded, anchors, stamped)
        certificate = status.signing_cert
        return PdfSignature(
            holds=_holds(status),
            whole=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
            fingerprint=certificate.sha256.hex(),
            subject=certificate.subject.human_friendly,
            signed_at=_aware(status.signer_reported_dt),
            stamped_at=stamped,
        )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return PdfSignature(holds=Holds.UNREADABLE)


def _status(embedded: EmbeddedPdfSignature, anchors: Anchors, moment: datetime) -> PdfSignatureStatus:
    context = ValidationContext(
        trust_roots=list(anchors.roots), moment=moment, allow_fetching=False, revocation_mode="soft-fail"
    )
    return validate_pdf_signature(embedded, context)


def _holds(status: PdfSignatureStatus) -> Holds:
    if not (status.intact and status.valid):
        return Holds.BROKEN
    level = status.modification_level
    if not status.docmdp_ok or level is None or level is ModificationLevel.OTHER:
        return Holds.CHANGED
    return Holds.GOOD if status.trusted else Holds.UNKNOWN


def _stamped(status: PdfSignatureStatus) -> datetime | None:
    stamp = status.timestamp_validity
    if stamp is None or not (stamp.intact and stamp.valid and stamp.trusted):
        return None
    return _aware(stamp.timestamp)


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
