"""Whatever a byte of a signed message becomes, either what was signed comes out or nothing does: for every XML binding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.problems import Refusal
from signing import bindings
from signing.contract import Wire
from signing.keys.ring import KeySource, load
from signing.profiles import PROFILES, XmlRules
from signing.trust.pins import load_pins
from tests.doubles.pki import Pki
from tests.unit.test_signing_bindings import BODIES, BODY

if TYPE_CHECKING:
    from signing.contract import Verified, Verifier

NOW = datetime.now(UTC)
XML = [name for name, profile in PROFILES.items() if isinstance(profile, XmlRules)]
PIECES = [
    *(
        b"",
        b" ",
        b"<",
        b">",
        b'"',
        b"/",
        b"=",
        b"x",
        b"#",
        b":",
        b"\xc3",
        b"&#65;",
        b"<!-- -->",
        b"<![CDATA[x]]>",
    ),
    *(b"<a/>", b"</a>", b"<a>", b" Id='x'", b" xmlns='urn:x'", b" xmlns:ds='urn:x'", b"<?a?>", b"A", b"\n"),
]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def signed(pki: Pki, name: str) -> bytes:
    one = pki["seal-p256"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    body = BODIES.get(name, BODY).replace(b"<s:Body>", b"<s:Body>\n")
    return bindings.signer(key, PROFILES[name]).sign(Wire(body=body), NOW).body


def verifier(pki: Pki, name: str) -> Verifier:
    return bindings.verifier(load_pins([pki["seal-p256"].certificate_file]), PROFILES[name])


def read(one: Verified) -> tuple[object, ...]:
    return one.payload, one.claims, one.signed_at, one.signer


@pytest.mark.parametrize("name", XML)
def test_what_is_changed_is_what_was_signed_or_is_refused(pki: Pki, name: str) -> None:
    raw, one = signed(pki, name), verifier(pki, name)
    expected = read(one.verify(Wire(body=raw), NOW))
    seen: set[str] = set()

    @settings(deadline=None, max_examples=250, database=None)
    @given(at=st.integers(0, len(raw) - 1), length=st.integers(0, 40), piece=st.sampled_from(PIECES))
    def holds(at: int, length: int, piece: bytes) -> None:
        changed = raw[:at] + piece + raw[at + length :]
        try:
            assert read(one.verify(Wire(body=changed), NOW)) == expected
        except Refusal as refusal:
            seen.add(refusal.code)

    holds()
    assert seen > {"HUB-SIG-005"}


@pytest.mark.parametrize("name", XML)
def test_two_parts_that_change_places_are_what_was_signed_or_are_refused(pki: Pki, name: str) -> None:
    raw, one = signed(pki, name), verifier(pki, name)
    expected = read(one.verify(Wire(body=raw), NOW))
    tags = [at for at, byte in enumerate(raw) if byte == ord("<")]

    @settings(deadline=None, max_examples=250, database=None)
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        a, b, c, d = sorted(data.draw(st.lists(st.sampled_from(tags), min_size=4, max_size=4)))
        swapped = raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:]
        for changed in (swapped, raw[:b] + raw[a:b] + raw[b:], raw[:a] + raw[b:]):
            try:
                assert read(one.verify(Wire(body=changed), NOW)) == expected
            except Refusal:
                continue

    holds()
