"""A signature beside the element that it signs: the two are read as they stand, whatever holds them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing.keys.ring import KeySource, load
from signing.profiles import BesideProfile, Canonicalisation
from signing.trust.pins import load_pins
from signing.xml.canonical import canonical
from signing.xml.detached import BesideSigner, BesideVerifier
from signing.xml.enveloped import canonicalise
from signing.xml.gate import parse
from signing.xml.names import DSIG
from signing.xml.writing import Part, Writer
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

    from signing.keys.ring import SigningKey

NOW = datetime.now(UTC)
NOTE = '<note xmlns="urn:note" xmlns:khong="urn:k" Id="n-1">Giấy</note>'.encode()
BOTH = b'<both xmlns="urn:both" xml:lang="vi"> %b </both>' % NOTE


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key(pki: Pki) -> SigningKey:
    return loaded("seal-2048", pki["seal-2048"].key_file, pki["seal-2048"].certificate_file)


@cache
def loaded(name: str, file: Path, certificate: Path) -> SigningKey:
    """Load each key once: what takes long is the look at its primes."""
    return load(KeySource(name=name, file=str(file), certificate=str(certificate)))


def sign(pki: Pki, document: bytes = BOTH) -> bytes:
    return BesideSigner(key(pki), BesideProfile()).sign(document, NOW)


def verify(pki: Pki, raw: bytes, profile: BesideProfile = BesideProfile()) -> bytes:  # noqa: B008 - frozen
    return BesideVerifier(load_pins([pki["seal-2048"].certificate_file]), profile).verify(raw, NOW).payload


def refused(pki: Pki, raw: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        verify(pki, raw)
    return caught.value.code


def test_only_the_signed_element_comes_out_and_xmlsec1_agrees(pki: Pki, tmp_path: Path) -> None:
    signed = sign(pki)
    assert verify(pki, signed) == canonicalise(NOTE)
    file = tmp_path / "signed.xml"
    file.write_bytes(signed)
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(pki["seal-2048"].certificate_file)]
    subprocess.run([*command, "--id-attr:Id", "urn:note:note", str(file)], capture_output=True, check=True)


def test_an_element_without_an_id_is_given_one(pki: Pki) -> None:
    signed = sign(pki, BOTH.replace(b' Id="n-1"', b""))
    assert b' Id="_' in verify(pki, signed)
    assert sign(pki, BOTH.replace(b' Id="n-1"', b"")) == signed


@pytest.mark.parametrize(
    "document", [NOTE, b"<both/>", b"<both><a/><b/></both>", b'<both><a Id="#x"/></both>', b"<both>"]
)
def test_what_does_not_hold_one_element_is_not_signed(pki: Pki, document: bytes) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        sign(pki, document)
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        sign(pki, sign(pki))


def by_hand(pki: Pki, uri: str, content: bytes, held: bytes = BOTH) -> bytes:
    """Sign whatever the attacker likes with the pinned key."""
    signature = Writer(key(pki), BesideProfile().algorithms).write([Part(uri=uri, content=content)])
    return held.replace(b"</both>", signature + b"</both>")


def test_the_reference_means_the_element_that_is_read(pki: Pki) -> None:
    note = canonical(parse(BOTH)[0])
    assert verify(pki, by_hand(pki, "#n-1", note)) == note
    inner = BOTH.replace("Giấy".encode(), b'<a xmlns="" Id="n-2">x</a>')
    for uri, content in (("", note), ("#n-2", b'<a Id="n-2">x</a>'), ("#", note), ("#both", note)):
        assert refused(pki, by_hand(pki, uri, content, inner)) == "HUB-SIG-006"


@pytest.mark.parametrize(
    "change",
    [
        (b"<note", b"<evil/><note"),
        (b"<note", b"<wrapper><note"),
        (b"<ds:Signature ", b"<note xmlns='urn:note'>x</note><ds:Signature "),
    ],
)
def test_nothing_may_stand_beside_the_two(pki: Pki, change: tuple[bytes, bytes]) -> None:
    raw = sign(pki).replace(*change, 1)
    if b"<wrapper>" in raw:
        raw = raw.replace(b"</both>", b"</wrapper></both>")
    assert refused(pki, raw) == "HUB-SIG-005"


def test_changed_content_is_seen_and_a_changed_frame_is_nobodys_word(pki: Pki) -> None:
    assert refused(pki, sign(pki).replace("Giấy".encode(), b"Giay")) == "HUB-SIG-003"
    assert verify(pki, sign(pki).replace(b'xml:lang="vi"', b'xml:lang="en"')) == canonicalise(NOTE)


def test_inclusive_references_are_taken_where_the_profile_allows_them(pki: Pki) -> None:
    old = BesideProfile(canonicalisations=frozenset(Canonicalisation))
    assert verify(pki, sign(pki), old) == canonicalise(NOTE)
    assert refused(pki, sign(pki).replace(b"xml-exc-c14n#", b"xml-other#")) == "HUB-SIG-004"
    assert refused(pki, f'<both><ds:Signature xmlns:ds="{DSIG}"/></both>'.encode()) == "HUB-SIG-005"
