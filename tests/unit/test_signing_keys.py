"""Keys load once, completely or not at all, and say why not."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing.keys.ring import KeyRing, KeySource, load
from signing.trust.pins import load_pins, pin
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
RIGHT_PASSWORD = "mật khẩu"

ring_of_worker: list[KeyRing] = []


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path, NOW)


def source(pki: Pki, issued_name: str, /, **changes: str | int) -> KeySource:
    issued = pki[issued_name]
    given = {
        "name": "seal",
        "file": str(issued.key_file),
        "certificate": str(issued.certificate_file),
        **changes,
    }
    return KeySource(**given)  # type: ignore[arg-type]  # changes are spelt per field


def password_file(folder: Path, text: str) -> str:
    file = folder / "password"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    return str(file)


def refused(wrong: KeySource) -> str:
    with pytest.raises(Refusal) as caught:
        load(wrong)
    (problem,) = caught.value.problems
    assert (problem.code, problem.place) == ("HUB-CRT-003", "seal")
    return problem.rule


@pytest.mark.parametrize("name", ["seal-2048", "seal-3072", "seal-p256", "seal-non-repudiation"])
def test_a_pem_key_loads_with_its_certificate(pki: Pki, name: str) -> None:
    key = load(source(pki, name))
    assert key.certificate == pki[name].certificate
    assert key.fingerprint == load_pins([pki[name].certificate_file])._by_fingerprint.popitem()[0]


def test_a_pkcs12_file_holds_both(pki: Pki, tmp_path: Path) -> None:
    file = pki["seal-2048"].pkcs12(tmp_path / "seal.p12", RIGHT_PASSWORD)
    key = load(
        source(
            pki,
            "seal-2048",
            file=str(file),
            certificate="",
            password_file=password_file(tmp_path, RIGHT_PASSWORD + "\n"),
        )
    )
    assert key.certificate == pki["seal-2048"].certificate
    assert key.sign(b"x") == load(source(pki, "seal-2048")).sign(b"x")


def test_one_pem_file_may_hold_key_and_certificate(pki: Pki, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pki["seal-p256"].key_file.read_bytes() + pki["seal-p256"].certificate_file.read_bytes())
    both.chmod(0o600)
    assert (
        load(source(pki, "seal-p256", file=str(both), certificate="")).certificate
        == pki["seal-p256"].certificate
    )


@pytest.mark.parametrize("kind", ["p12", "pem"])
def test_a_wrong_password_is_named_and_not_shown(pki: Pki, tmp_path: Path, kind: str) -> None:
    issued, file = pki["seal-p256"], tmp_path / f"locked.{kind}"
    (issued.pkcs12 if kind == "p12" else issued.encrypted_key)(file, RIGHT_PASSWORD)
    wrong = source(pki, "seal-p256", file=str(file), password_file=password_file(tmp_path, "sai"))
    assert "password" in refused(wrong)
    with pytest.raises(Refusal) as caught:
        load(wrong)
    assert "sai" not in repr(caught.value.problems)


def test_an_encrypted_key_without_password_is_refused(pki: Pki, tmp_path: Path) -> None:
    file = pki["seal-p256"].encrypted_key(tmp_path / "locked.pem", RIGHT_PASSWORD)
    assert "password" in refused(source(pki, "seal-p256", file=str(file)))


def test_a_certificate_of_another_key_is_refused(pki: Pki) -> None:
    other = str(pki["seal-2048-next"].certificate_file)
    assert refused(source(pki, "seal-2048", certificate=other)) == "the certificate of this key"


def test_a_small_key_is_refused(pki: Pki) -> None:
    assert refused(source(pki, "seal-1024")) == "RSA of at least 2048 bits"
    assert refused(source(pki, "seal-2048", minimum_rsa_bits=3072)) == "RSA of at least 3072 bits"


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_garbage_is_refused(pki: Pki, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(content)
    refused(source(pki, "seal-2048", file=str(file)))


def test_a_missing_file_is_refused(pki: Pki, tmp_path: Path) -> None:
    assert refused(source(pki, "seal-2048", file=str(tmp_path / "absent"))) == "a readable file"


def test_what_should_be_mended_is_a_warning(pki: Pki) -> None:
    pki["seal-2048"].key_file.chmod(0o644)
    assert [w.rule for w in load(source(pki, "seal-2048")).warnings] == [
        "file mode 0600",
        "RSA of 3072 bits recommended",
    ]
    assert load(source(pki, "seal-3072")).warnings == ()


def test_a_ring_names_every_key_that_is_wrong(pki: Pki, tmp_path: Path) -> None:
    good = source(pki, "seal-p256", name="good")
    bad = [source(pki, "seal-p256", name=name, file=str(tmp_path / "absent")) for name in ("one", "two")]
    with pytest.raises(Refusal) as caught:
        KeyRing([bad[0], good, bad[1]])
    assert [problem.place for problem in caught.value.problems] == ["one", "two"]


def test_an_unknown_key_is_refused_by_its_name(pki: Pki) -> None:
    ring = KeyRing([source(pki, "seal-p256", name="province-seal")])
    assert ring.key("province-seal", NOW).name == "province-seal"
    with pytest.raises(Refusal, match="HUB-CRT-003 absent"):
        ring.key("absent", NOW)


def load_ring(sources: tuple[KeySource, ...]) -> None:
    ring_of_worker.append(KeyRing(sources))


def sign_in_worker(data: bytes) -> bytes:
    return ring_of_worker[0].key("seal", NOW).sign(data)


def test_a_pool_worker_loads_its_own_ring_from_the_description(pki: Pki) -> None:
    described = (source(pki, "seal-2048"),)
    with ProcessPoolExecutor(1, get_context("spawn"), load_ring, (described,)) as pool:
        assert pool.submit(sign_in_worker, b"x").result() == load(described[0]).sign(b"x")


def test_a_loaded_key_never_crosses_a_process_border(pki: Pki) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(load(source(pki, "seal-p256")))


@pytest.mark.parametrize(
    "name", ["tsa", "ocsp", "tls-client", "tls-server", "root", "authority-that-signs", "seal-1024"]
)
def test_a_certificate_for_something_else_is_never_pinned(pki: Pki, name: str) -> None:
    with pytest.raises(Refusal) as caught:
        load_pins([pki[name].certificate_file])
    assert (caught.value.code, caught.value.problems[0].place) == ("HUB-CRT-003", f"{name}.pem")


@pytest.mark.parametrize("name", ["seal-2048", "seal-non-repudiation", "seal-self-signed", "seal-expired"])
def test_a_seal_is_pinned(pki: Pki, name: str) -> None:
    (one,) = load_pins([pki[name].certificate_file])
    assert one.certificate == pki[name].certificate
    assert name in one.key_ids


def test_a_pin_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no")
    for file in (tmp_path / "no.pem", tmp_path / "absent.pem"):
        with pytest.raises(Refusal, match="HUB-CRT-003"):
            load_pins([file])


def test_validity_has_the_skew_of_the_profile(pki: Pki) -> None:
    one = pin(pki["seal-p256"].certificate)
    minute = timedelta(minutes=1)
    assert one.is_valid(one.not_after + minute, minute)
    assert not one.is_valid(one.not_after + minute, minute / 2)
    assert not one.is_valid(one.not_before - minute, minute / 2)
