"""The published vectors of the protocol between hubs are what this hub writes, and it reads them as the page says."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from connectors.edge import texts, tokens
from connectors.edge.frames import Frames
from connectors.edge.values import FIRST, Acks, Hello
from schemas.problems import Refusal
from signing.jose.detached import DetachedVerifier
from signing.trust.pins import load_pins
from tests.golden import hubs
from tests.golden.hubs import ABOVE, BELOW, FOLDER, NOW, PROFILE

if TYPE_CHECKING:
    from connectors.edge.frames import Framed


@pytest.fixture
def verifier() -> DetachedVerifier:
    return DetachedVerifier(load_pins([FOLDER / "certificate.pem"]), PROFILE)


def stream() -> list[Framed]:
    return list(Frames().feed((FOLDER / "stream.bin").read_bytes()))


@pytest.mark.parametrize("name", sorted(hubs.plain()))
def test_what_is_written_is_what_was_published(name: str) -> None:
    assert (FOLDER / name).read_bytes() == hubs.plain()[name]


def test_a_published_stream_is_two_signed_batches_in_a_chain(verifier: DetachedVerifier) -> None:
    first, second = stream()
    assert (first.manifest.prev, second.manifest.prev) == (FIRST, first.digest)
    for number, each in enumerate((first, second), 1):
        assert each.entries == ((FOLDER / f"entry-{number}.json").read_bytes(),)
        assert each.raw == (FOLDER / f"manifest-{number}.json").read_bytes()
        assert each.signature == (FOLDER / f"manifest-{number}.jws").read_text()
        verifier.verify(each.raw, each.signature, NOW)


def test_a_signature_of_one_manifest_is_none_of_another(verifier: DetachedVerifier) -> None:
    first, second = stream()
    with pytest.raises(Refusal, match="HUB-SIG-002"):
        verifier.verify(first.raw, second.signature, NOW)


def test_a_signature_holds_whatever_time_it_is_read_at(verifier: DetachedVerifier) -> None:
    first, _ = stream()
    verifier.verify(first.raw, first.signature, NOW - timedelta(days=30))


def test_a_published_token_says_who_calls_whom(verifier: DetachedVerifier) -> None:
    token = (FOLDER / "token.txt").read_text()
    check = partial(tokens.check, token, ABOVE)
    assert check(NOW, verifier.verify).iss == BELOW
    with pytest.raises(Refusal, match="HUB-EDG-003"):
        check(datetime(2026, 11, 24, 2, 0, tzinfo=UTC), verifier.verify)


def test_a_manifests_signature_is_no_token(verifier: DetachedVerifier) -> None:
    raw, signature = (FOLDER / "manifest-1.json").read_bytes(), (FOLDER / "manifest-1.jws").read_text()
    forged = tokens.issue(BELOW, ABOVE, NOW, lambda _body, _now: signature)
    with pytest.raises(Refusal, match="HUB-SIG-002"):
        tokens.check(forged, ABOVE, NOW, verifier.verify)
    assert hashlib.sha256(raw).hexdigest() == stream()[0].digest


def test_published_texts_are_read() -> None:
    assert texts.read(Acks, (FOLDER / "acks.json").read_bytes()) == hubs.acks()
    assert texts.read(Hello, (FOLDER / "hello.json").read_bytes()) == hubs.hello()
