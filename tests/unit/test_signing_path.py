"""A seal stands under an authority at a moment; what is for something else never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.problems import Refusal
from signing.trust.path import validate
from signing.trust.pins import PinFile, load_pins
from tests.doubles.pki import DAY, Pki

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def path(pki: Pki, name: str, *authorities: str, at: datetime = NOW) -> list[str]:
    found = validate(pki[name].certificate, [pki[one].certificate for one in authorities or ("root",)], at)
    names = {one.certificate: one.name for one in pki.issued.values()}
    return [names[one] for one in found]


@pytest.mark.parametrize("name", ["seal-2048", "seal-p256", "seal-non-repudiation"])
def test_a_seal_stands_under_its_root(pki: Pki, name: str) -> None:
    assert path(pki, name) == [name, "root"]


def test_a_seal_stands_under_its_root_through_what_is_between(pki: Pki) -> None:
    assert path(pki, "seal-issued", "root", "issuing") == ["seal-issued", "issuing", "root"]
    with pytest.raises(Refusal, match="HUB-CRT-008"):
        path(pki, "seal-issued")
    with pytest.raises(Refusal, match="HUB-CRT-008"):
        path(pki, "seal-issued", "issuing")


@pytest.mark.parametrize(
    "name", ["tsa", "ocsp", "tls-client", "tls-server", "issuing", "issuing-that-signs", "stranger-p256"]
)
def test_what_is_for_something_else_is_no_seal(pki: Pki, name: str) -> None:
    with pytest.raises(Refusal, match="HUB-CRT-008"):
        path(pki, name)


def test_the_moment_decides_and_not_the_day_of_looking(pki: Pki) -> None:
    assert path(pki, "seal-expired", at=NOW - 2 * DAY) == ["seal-expired", "root"]
    for name, at in (("seal-expired", NOW), ("seal-future", NOW), ("seal-p256", NOW + timedelta(days=400))):
        with pytest.raises(Refusal, match="HUB-CRT-008"):
            path(pki, name, at=at)


def test_a_seal_that_issued_another_certificate_is_no_authority(pki: Pki) -> None:
    with pytest.raises(Refusal, match="HUB-CRT-008"):
        path(pki, "seal-by-a-seal", "root", "seal-p256")


def test_a_pin_counts_from_its_day_to_its_day_and_never_beyond_its_own_validity(pki: Pki) -> None:
    file = pki["seal-p256"].certificate_file
    (plain,) = load_pins([file])
    (told,) = load_pins([PinFile(file=file, begins=NOW + DAY, ends=NOW + 2 * DAY)])
    (wide,) = load_pins([PinFile(file=file, begins=NOW - 4000 * DAY, ends=NOW + 4000 * DAY)])
    skew = timedelta(seconds=60)
    moments = (NOW, NOW + DAY, NOW + 1.5 * DAY, NOW + 2 * DAY + 2 * skew)
    assert [told.is_valid(at, skew) for at in moments] == [False, True, True, False]
    assert (wide.not_before, wide.not_after) == (plain.not_before, plain.not_after)
    with pytest.raises(Refusal, match="HUB-CRT-002"):
        load_pins([PinFile(file=file, begins=NOW + DAY)]).choose([], NOW, skew, place="", hinted=False)


def test_a_pin_counts_as_long_as_its_whole_path_and_stands_under_its_authority(pki: Pki) -> None:
    roots = (pki["root"].certificate_file, pki["issuing-short"].certificate_file)
    (one,) = load_pins([PinFile(file=pki["seal-short"].certificate_file, under=roots)])
    assert one.not_after == pki["issuing-short"].certificate.not_valid_after_utc
    assert one.not_after < pki["seal-short"].certificate.not_valid_after_utc
    (late,) = load_pins([PinFile(file=pki["seal-before"].certificate_file, under=roots[:1])])
    assert late.not_before == pki["root"].certificate.not_valid_before_utc
    for name, under in (("seal-self-signed", roots), ("seal-short", roots[:1]), ("seal-2048", roots[1:])):
        file = pki[name].certificate_file
        with pytest.raises(Refusal, match=f"HUB-CRT-008 {name}.pem"):
            load_pins([PinFile(file=file, under=under)])
