"""Profiles are closed values, and every code of this package is in the catalogue."""

from __future__ import annotations

import pickle
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

import signing
from schemas.errors import load
from signing.profiles import DETACHED, ENVELOPED, PROFILES, JwsProfile, Limits, Profile, Reference, XmlProfile

CODE = re.compile(r"HUB-[A-Z]{3}-\d{3}")


def test_every_code_that_is_raised_or_promised_is_in_the_catalogue_and_the_other_way_round() -> None:
    folder = Path(str(signing.__path__[0]))
    ours = codes(folder)
    areas = {code.rpartition("-")[0] for code in ours}
    catalogued = {code for code in load().entries if code.rpartition("-")[0] in areas}
    assert ours <= catalogued <= ours | codes(folder.parent / "hub") | codes(folder.parent / "connectors")


def codes(folder: Path) -> set[str]:
    return {code for file in folder.rglob("*.py") for code in CODE.findall(file.read_text("utf-8"))}


def test_a_binding_alone_means_the_strict_profile() -> None:
    assert (
        msgspec.convert({"binding": "xmldsig-enveloped"}, Profile)
        == ENVELOPED
        == PROFILES["xmldsig-enveloped"]
    )
    assert msgspec.convert({"binding": "jws-detached"}, Profile) == DETACHED == PROFILES["jws-detached"]


def test_a_profile_is_read_from_plain_values() -> None:
    said = {"binding": "xmldsig-enveloped", "reference": "id", "limits": {"depth": 9}, "skew": "PT5M"}
    wanted = XmlProfile(reference=Reference.ID, limits=Limits(depth=9), skew=timedelta(minutes=5))
    assert msgspec.convert(said, Profile) == wanted


@pytest.mark.parametrize(
    "said",
    [
        {"binding": "wsse"},
        {"binding": "wss", "signed": ["everything"]},
        {"binding": "jws-detached", "reference": "id"},
        {"binding": "jws-detached", "algorithms": ["none"]},
        {"binding": "xmldsig-enveloped", "algorithms": ["RSA_SHA1"]},
        {"binding": "xmldsig-enveloped", "limits": {"depht": 1}},
    ],
)
def test_what_a_profile_does_not_know_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, Profile)


@pytest.mark.parametrize("profile", [ENVELOPED, DETACHED, JwsProfile(max_age=timedelta(minutes=5))])
def test_a_profile_crosses_process_borders(profile: XmlProfile | JwsProfile) -> None:
    assert pickle.loads(pickle.dumps(profile)) == profile  # noqa: S301 - our own bytes
