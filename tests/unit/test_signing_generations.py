"""Which generation of a key signs: looked up at every use, by the day it was declared for, never one that is barred."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing import bindings
from signing.contract import Wire
from signing.keys.generations import State, states
from signing.keys.ring import KeyRing, KeySource
from signing.profiles import DETACHED
from signing.trust.pins import Pins, pin
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from signing.contract import Key, Signer

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = {"2025": "seal-p256", "2026": "seal-2048", "2027": "seal-2048-next"}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW - 10 * DAY)


def source(pki: Pki, generation: str, begins: datetime | None, ends: datetime | None = None) -> KeySource:
    issued = pki[NAMES[generation]]
    return KeySource(
        name="seal",
        generation=generation,
        file=str(issued.key_file),
        certificate=str(issued.certificate_file),
        begins=begins,
        ends=ends,
    )


@pytest.fixture
def ring(pki: Pki) -> KeyRing:
    return KeyRing(
        [
            source(pki, "2025", None, NOW - DAY),
            source(pki, "2026", NOW - 5 * DAY, NOW + 3 * DAY),
            source(pki, "2027", NOW + DAY),
        ]
    )


def spread(ring: KeyRing, at: datetime) -> dict[str, State]:
    return {one.id: state for one, state in states(ring.generations("seal"), at, ring.bars)}


def fingerprint(pki: Pki, generation: str) -> str:
    return pin(pki[NAMES[generation]].certificate).fingerprint


def test_each_generation_has_its_state_at_a_moment(ring: KeyRing) -> None:
    assert spread(ring, NOW) == {"2025": State.RETIRED, "2026": State.ACTIVE, "2027": State.PENDING}
    assert spread(ring, NOW + DAY) == {"2025": State.RETIRED, "2026": State.RETIRING, "2027": State.ACTIVE}
    assert spread(ring, NOW + 4 * DAY) == {"2025": State.RETIRED, "2026": State.RETIRED, "2027": State.ACTIVE}


def test_the_key_changes_on_the_day_in_a_ring_that_was_loaded_before(pki: Pki, ring: KeyRing) -> None:
    just_before = NOW + DAY - timedelta(microseconds=1)
    assert ring.key("seal", just_before).fingerprint == fingerprint(pki, "2026")
    assert ring.key("seal", NOW + DAY).fingerprint == fingerprint(pki, "2027")


def test_a_signer_that_was_built_before_signs_with_the_key_of_its_day(pki: Pki, ring: KeyRing) -> None:
    made: list[str] = []

    def make(key: Key) -> Signer:
        made.append(key.fingerprint)
        return bindings.signer(key, DETACHED)

    signer = ring.signer("seal", make)
    assert len(made) == 3
    for at, generation in ((NOW, "2026"), (NOW + DAY, "2027")):
        signed = signer.sign(Wire(body=b"x"), at)
        wire = Wire(body=b"x", headers={name.lower(): value for name, value in signed.headers.items()})
        known = Pins([pin(pki[name].certificate) for name in NAMES.values()])
        assert bindings.verifier(known, DETACHED).verify(wire, at).signer.fingerprint == fingerprint(
            pki, generation
        )
    assert len(made) == 3


def test_what_is_barred_signs_nothing_from_then_on_and_the_one_before_it_takes_over(
    pki: Pki, ring: KeyRing
) -> None:
    signer = ring.signer("seal", lambda key: bindings.signer(key, DETACHED))
    ring.bars.add({fingerprint(pki, "2027")})
    assert ring.key("seal", NOW + DAY).fingerprint == fingerprint(pki, "2026")
    assert spread(ring, NOW + DAY)["2027"] is State.COMPROMISED
    ring.bars.add({fingerprint(pki, "2026")})
    with pytest.raises(Refusal, match="HUB-KEY-001 seal"):
        signer.sign(Wire(body=b"x"), NOW + DAY)
    with pytest.raises(Refusal, match="HUB-KEY-001 seal"):
        ring.key("seal", NOW + DAY)


def test_bars_only_grow(ring: KeyRing) -> None:
    ring.bars.add({"a"})
    ring.bars.add(())
    assert "a" in ring.bars


def test_no_generation_signs_longer_than_its_certificate_is_valid(pki: Pki) -> None:
    ring = KeyRing([source(pki, "2026", None, NOW + 4000 * DAY)])
    (one,) = ring.generations("seal")
    assert one.ends == pki["seal-2048"].certificate.not_valid_after_utc
    with pytest.raises(Refusal, match="HUB-KEY-001"):
        ring.key("seal", one.ends)
