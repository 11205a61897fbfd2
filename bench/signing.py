"""P5: signing and verifying XML, beside the bare RSA operation and beside signxml on the same message.

Every figure is CPU time, the best of several rounds in which all works take their turn, so that a busy machine disturbs both sides
of a ratio alike. The document has many short elements, few attributes and Vietnamese text, as dossiers do.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from signxml.verifier import SignatureConfiguration, XMLVerifier

from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.keys.ring import KeySource, SigningKey, load
from signing.trust.pins import load_pins
from signing.xml.enveloped import EnvelopedSigner, EnvelopedVerifier, canonicalise
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, REPEAT = 15, 30
KINDS = {"seal-2048": "RSA-2048", "seal-3072": "RSA-3072", "seal-p256": "P-256"}


def document(size: int = 10_000) -> bytes:
    """A dossier of about ``size`` bytes: many short elements, few attributes, Vietnamese text."""
    paper = "<hs:giayTo><hs:ten>Giấy tờ &amp; hồ sơ</hs:ten><hs:soLuong>{0}</hs:soLuong><hs:ma>ABC-{0}</hs:ma></hs:giayTo>"
    papers = "".join(paper.format(i) for i in range(size // len(paper.encode())))
    return f'<hs:hoSo xmlns:hs="urn:vn:ho-so" Id="hs-1">{papers}</hs:hoSo>'.encode()


def fastest(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the CPU microseconds of each work: the best of rounds in which all take their turn."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            started = time.process_time()
            for _ in range(REPEAT):
                work()
            best[name] = min(best[name], (time.process_time() - started) / REPEAT * 1e6)
    return best


def rows() -> list[dict[str, object]]:
    """Three rows per kind of key: signed from any spelling, signed from canonical bytes, gate and verification."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder), now)
        return [row for name in ("seal-2048", "seal-3072", "seal-p256") for row in _rows(pki, name, now)]


def _rows(pki: Pki, name: str, now: datetime) -> list[dict[str, object]]:
    issued = pki[name]
    key = load(KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file)))
    took = fastest(_works(key, pki, name, now))
    measured = (
        ("sign 10 KB", "raw", "sign", "of raw signs/s", "≥ 0.7"),
        ("sign 10 KB that is canonical already", "raw", "sign_canonical", "of raw signs/s", "≥ 0.7"),
        ("gate + verify 10 KB", "signxml_verify", "verify", "× signxml", "≥ 2"),
    )
    explained = {f"{work}_us": round(best, 1) for work, best in took.items()}
    return [
        {
            "row": "P5",
            "what": f"{what}, {KINDS[name]}",
            "value": round(took[base] / took[ours], 2),
            "unit": unit,
            "target": target if issued.name != "seal-p256" or base != "raw" else "–",
            **explained,
        }
        for what, base, ours, unit, target in measured
    ]


def _works(key: SigningKey, pki: Pki, name: str, now: datetime) -> dict[str, Callable[[], object]]:
    plain, canonical = document(), canonicalise(document())
    signer, pins = EnvelopedSigner(key), load_pins([pki[name].certificate_file])
    verifier, signed = EnvelopedVerifier(pins), signer.sign(plain)
    body_signer, body_verifier = DetachedSigner(key), DetachedVerifier(pins)
    token, certificate = body_signer.sign(plain, now), pki[name].certificate
    config = SignatureConfiguration(location="./")
    return {
        "raw": lambda: key.sign(b"x" * 800),
        "sign": lambda: signer.sign(plain),
        "sign_canonical": lambda: signer.sign(canonical, canonical=True),
        "verify": lambda: verifier.verify(signed, now),
        "signxml_verify": lambda: XMLVerifier().verify(signed, x509_cert=certificate, expect_config=config),
        "jws_sign": lambda: body_signer.sign(plain, now),
        "jws_verify": lambda: body_verifier.verify(plain, token, now),
    }


if __name__ == "__main__":
    for one in rows():
        print(
            one["what"],
            one["value"],
            one["unit"],
            {key: cost for key, cost in one.items() if key.endswith("_us")},
        )
