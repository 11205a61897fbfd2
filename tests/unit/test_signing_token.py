"""A key in a token signs as one in a file does, and a token that was away is used again."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing import bindings
from signing.algorithms import verifies
from signing.contract import Wire
from signing.keys import token
from signing.keys.ring import KeyRing, KeySource
from signing.profiles import PROFILES
from signing.trust.pins import Pins, pin
from tests.doubles.pki import Pki
from tests.doubles.token import in_token, soft_token

if TYPE_CHECKING:
    from pathlib import Path

    from signing.algorithms import PublicKey
    from signing.keys.token import TokenKey

NOW = datetime.now(UTC)
NAMES = ("seal-2048", "seal-p256")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def secret(pki: Pki) -> Path:
    return soft_token(pki, pki.folder, *NAMES)


def ours(source: KeySource) -> TokenKey:
    return token.load(source, threading.Lock())


def public(pki: Pki, name: str) -> PublicKey:
    found: PublicKey = pin(pki[name].certificate).key
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_it_signs_verifies(pki: Pki, secret: Path, name: str) -> None:
    key = ours(in_token(pki, name, secret))
    assert verifies(public(pki, name), b"x", key.sign(b"x"))
    assert (key.is_rsa, key.warnings) == (name == "seal-2048", ())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("binding", ["xmldsig-enveloped", "jws-detached"])
def test_it_signs_under_a_profile_as_any_key(pki: Pki, secret: Path, name: str, binding: str) -> None:
    ring = KeyRing([in_token(pki, name, secret)])
    signer = ring.signer("seal", lambda key: bindings.signer(key, PROFILES[binding]))
    signed = signer.sign(Wire(body=b"<a>x</a>"), NOW)
    came = Wire(body=signed.body, headers={key.lower(): value for key, value in signed.headers.items()})
    known = Pins([pin(pki[name].certificate)])
    assert bindings.verifier(known, PROFILES[binding]).verify(came, NOW).signer.fingerprint


def test_threads_take_turns(pki: Pki, secret: Path) -> None:
    key = ours(in_token(pki, "seal-p256", secret))
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda n: (n, key.sign(b"%d" % n)), range(40)))
    assert all(verifies(public(pki, "seal-p256"), b"%d" % n, signature) for n, signature in made)


def test_a_session_that_is_gone_is_opened_anew(pki: Pki, secret: Path) -> None:
    key = ours(in_token(pki, "seal-2048", secret))
    key._key.session.close()
    assert verifies(public(pki, "seal-2048"), b"x", key.sign(b"x"))


def test_a_token_that_is_away_is_told_and_used_again_when_it_is_back(pki: Pki, secret: Path) -> None:
    key = ours(in_token(pki, "seal-2048", secret))
    finds, key._find = key._find, lambda: (_ for _ in ()).throw(OSError("pulled"))
    key._key.session.close()
    for _ in range(2):
        with pytest.raises(Refusal, match="HUB-KEY-002 seal"):
            key.sign(b"x")
    key._find = finds
    assert verifies(public(pki, "seal-2048"), b"x", key.sign(b"x"))


def test_what_is_wrong_with_it_is_said_when_it_is_loaded(pki: Pki, secret: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "pin"
    wrong.write_text("000000")
    other = str(pki["seal-2048-next"].certificate_file)
    for source, rule in (
        (in_token(pki, "seal-2048", secret, certificate=other), "the certificate of this key"),
        (in_token(pki, "seal-2048", secret, label="absent"), "a token with this key and PIN"),
        (in_token(pki, "seal-2048", secret, token="absent"), "a token with this key and PIN"),
        (in_token(pki, "seal-2048", secret, module=str(wrong)), "a token with this key and PIN"),
        (
            in_token(pki, "seal-2048", tmp_path / "none"),
            "a certificate (PEM) and a pin_file that can be read",
        ),
        (
            in_token(pki, "tsa", secret, certificate=str(pki["seal-1024"].certificate_file)),
            "RSA of at least 2048 bits",
        ),
    ):
        with pytest.raises(Refusal) as caught:
            KeyRing([source])
        (problem,) = caught.value.problems
        assert (problem.code, problem.place, problem.rule) == ("HUB-CRT-003", "seal", rule)


def test_a_pin_that_others_may_read_is_a_warning(pki: Pki, secret: Path, tmp_path: Path) -> None:
    open_to_all = tmp_path / "pin"
    open_to_all.write_bytes(secret.read_bytes())
    open_to_all.chmod(0o644)
    (key,) = KeyRing([in_token(pki, "seal-2048", open_to_all)])
    assert [warning.rule for warning in key.warnings] == ["file mode 0600"]


def sign_elsewhere(source: KeySource) -> bytes:
    return KeyRing([source]).key("seal", NOW).sign(b"x")


def test_another_process_opens_its_own(pki: Pki, secret: Path) -> None:
    source = in_token(pki, "seal-p256", secret)
    assert ours(source).sign(b"x")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert verifies(public(pki, "seal-p256"), b"x", pool.submit(sign_elsewhere, source).result())
