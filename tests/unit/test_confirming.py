"""Who signs receipts: the generation of the day; nobody when none may, and intake goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.settings import file as settings
from hub.wiring.evidence import confirming
from signing import bindings
from signing.contract import Wire
from signing.profiles import DETACHED
from signing.trust.pins import Pins, pin
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
NAMES = ("seal-p256", "seal-non-repudiation")
SETTINGS = """
[evidence]
key = "seal"
[[keys.seal.generations]]
id = "1"
file = "seal-p256.key"
certificate = "seal-p256.pem"
[[keys.seal.generations]]
id = "2"
file = "seal-non-repudiation.key"
certificate = "seal-non-repudiation.pem"
begins = {begins}
"""


def test_a_receipt_is_signed_by_the_generation_of_the_day_and_goes_unsigned_when_none_may(
    tmp_path: Path,
) -> None:
    pki = Pki(tmp_path, NOW)
    pins = {pin(pki[name].certificate).fingerprint: name for name in NAMES}
    known = Pins([pin(pki[name].certificate) for name in NAMES])
    file = tmp_path / "hub.toml"
    file.write_text(SETTINGS.format(begins=(NOW + timedelta(hours=1)).isoformat()))
    barred: set[str] = set()
    confirm = confirming(settings.load(file, {}), lambda: frozenset(barred))

    def signer(at: datetime) -> str:
        wire = Wire(body=b"{}", headers={DETACHED.header.lower(): confirm(b"{}", at)})
        return pins[bindings.verifier(known, DETACHED).verify(wire, at).signer.fingerprint]

    later = NOW + timedelta(hours=2)
    assert [signer(NOW), signer(later)] == list(NAMES)
    barred.update(fingerprint for fingerprint, name in pins.items() if name == NAMES[1])
    assert signer(later) == NAMES[0]
    barred.update(pins)
    assert confirm(b"{}", later) == ""
