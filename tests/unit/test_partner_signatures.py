"""Signature tables of partner files: each binding takes the keys that mean something to it, and means what they say."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path  # noqa: TC003 - pytest reads the annotations at run time
from typing import ClassVar, get_args

import msgspec
import pytest

from hub.partners import reading
from hub.partners.partner import Partner  # noqa: TC001
from hub.partners.signatures import PROVES, SEALS, Binding, Proof, Seal
from schemas.problems import Problem, Refusal
from signing.profiles import (
    PROFILES,
    Canonicalisation,
    EdxmlProfile,
    JwsAlgorithm,
    JwsProfile,
    KeyReference,
    Limits,
    ModiProfile,
    Place,
    Profile,
    Reference,
    WssPart,
    WssProfile,
    XadesProfile,
    XmlAlgorithm,
    XmlProfile,
)
from tests.unit.test_partners import GOOD, WORLD, Post, line_of, write


class Signing(Post):
    """A room that can sign its calls and check what is answered."""

    signs: ClassVar[frozenset[str]] = frozenset({"modi-rest", "wss"})
    believes: ClassVar[frozenset[str]] = frozenset({"wss"})


OURS = msgspec.structs.replace(WORLD, rooms={"pigeon": Signing})
SENDS = '[sends.signature]\nbinding = "jws-detached"\n'
RECEIVES = '[receives.signature]\nbinding = "xmldsig-enveloped"\n'


def read(folder: Path, text: str) -> Partner:
    write(folder, text)
    [partner] = reading.load(folder, OURS)
    return partner


def problems(folder: Path, text: str) -> list[Problem]:
    write(folder, text)
    with pytest.raises(Refusal) as caught:
        reading.load(folder, OURS)
    return list(caught.value.problems)


def proof(folder: Path, lines: str) -> Profile:
    partner = read(folder, GOOD.replace(SENDS, f"[sends.signature]\n{lines}\n"))
    assert partner.sends is not None
    assert partner.sends.signature is not None
    return partner.sends.signature.profile


def seal(folder: Path, lines: str) -> Profile:
    partner = read(folder, GOOD.replace(RECEIVES, f"[receives.signature]\n{lines}\n"))
    assert partner.receives is not None
    assert partner.receives.signature is not None
    return partner.receives.signature.profile


def test_every_binding_has_a_profile_and_says_which_keys_it_takes() -> None:
    assert set(get_args(Binding)) == set(PROFILES) == set(PROVES) == set(SEALS)
    assert all(keys <= set(Proof.model_fields) for keys in PROVES.values())
    assert all(keys <= set(Seal.model_fields) for keys in SEALS.values())


@pytest.mark.parametrize("binding", sorted(set(get_args(Binding)) - {"modi-rest"}))
def test_a_binding_alone_means_its_strict_profile(tmp_path: Path, binding: str) -> None:
    assert proof(tmp_path, f'binding = "{binding}"') == PROFILES[binding]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (
            'binding = "xmldsig-enveloped"\nalgorithms = ["rsa-pss-sha256"]\nplace = "soap-body"\nskew = "2m"',
            XmlProfile(
                algorithms=frozenset({XmlAlgorithm.RSA_PSS_SHA256}),
                place=Place.SOAP_BODY,
                skew=timedelta(minutes=2),
            ),
        ),
        (
            'binding = "edxml"\nsha1_until = 2026-12-31\ncanonicalisations = ["exclusive"]',
            EdxmlProfile(
                sha1_until=date(2026, 12, 31), canonicalisations=frozenset({Canonicalisation.EXCLUSIVE})
            ),
        ),
        (
            'binding = "edxml"\nlimits = { elements = 200, namespaces = 8 }',
            EdxmlProfile(limits=Limits(elements=200, namespaces=8)),
        ),
        (
            'binding = "xades"\nversion = 1\ntimestamp = true\nmax_age = "30d"',
            XadesProfile(timestamp=True, max_age=timedelta(days=30)),
        ),
        (
            'binding = "wss"\nsigned = ["body", "token"]\nmax_age = "2m"\naudience = "https://hub.example/v1"',
            WssProfile(
                signed=frozenset({WssPart.BODY, WssPart.TOKEN}),
                max_age=timedelta(minutes=2),
                audiences=frozenset({"https://hub.example/v1"}),
            ),
        ),
        (
            'binding = "jws-detached"\nalgorithms = ["ecdsa-sha256"]\nheader = "X-Chu-Ky"',
            JwsProfile(algorithms=frozenset({JwsAlgorithm.ES256}), header="X-Chu-Ky"),
        ),
        (
            'binding = "modi-rest"\naudience = "urn:hub"\nskew = "5s"',
            ModiProfile(audience="urn:hub", skew=timedelta(seconds=5)),
        ),
    ],
    ids=["enveloped", "edxml", "limits", "xades", "wss", "jws", "modi"],
)
def test_what_a_file_says_of_a_sender_becomes_its_profile(
    tmp_path: Path, lines: str, wanted: Profile
) -> None:
    assert proof(tmp_path, lines) == wanted


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ('binding = "xmldsig-enveloped"', XmlProfile(reference=Reference.ID)),
        ('binding = "xmldsig-enveloped"\nreference = "document"', XmlProfile()),
        ('binding = "xades"', XadesProfile(reference=Reference.ID)),
        (
            'binding = "wss"\nkey_reference = "thumbprint"\ntime_to_live = "1m"',
            WssProfile(key_reference=KeyReference.THUMBPRINT, time_to_live=timedelta(minutes=1)),
        ),
        ('binding = "jws-detached"\nheader = "X-A"', JwsProfile(header="X-A")),
        (
            'binding = "modi-rest"\naudience = "urn:them"\nissuer = "urn:us"',
            ModiProfile(audience="urn:them", issuer="urn:us", subject="urn:us"),
        ),
    ],
)
def test_what_a_file_says_of_a_recipient_becomes_our_profile(
    tmp_path: Path, lines: str, wanted: Profile
) -> None:
    assert seal(tmp_path, lines) == wanted


STRANGE = [
    ("jws-detached", "timestamp = true", "timestamp"),
    ("jws-detached", "limits = { depth = 9 }", "limits"),
    ("jws-detached", "sha1_until = 2026-12-31", "sha1_until"),
    ("xmldsig-enveloped", 'header = "X-A"', "header"),
    ("xmldsig-enveloped", 'max_age = "1d"', "max_age"),
    ("xmldsig-scoped", 'canonicalisations = ["inclusive"]', "canonicalisations"),
    ("edxml", 'signed = ["body"]', "signed"),
    ("wss", 'place = "soap-body"', "place"),
    ("xades", 'audience = "urn:x"', "audience"),
]


@pytest.mark.parametrize(("binding", "line", "key"), STRANGE)
def test_a_key_that_means_nothing_to_the_binding_is_named(
    tmp_path: Path, binding: str, line: str, key: str
) -> None:
    text = GOOD.replace(SENDS, f'[sends.signature]\nbinding = "{binding}"\n{line}\n')
    [problem] = problems(tmp_path, text)
    assert (problem.code, problem.place) == ("HUB-CFG-001", f"so-dat.toml: sends.signature.{key}")
    assert problem.line == line_of(text, line)
    assert problem.rule == f"not with binding {binding}"


def test_so_is_one_that_means_nothing_to_our_own_signature_or_to_replies(tmp_path: Path) -> None:
    text = GOOD.replace(RECEIVES, '[receives.signature]\nbinding = "wss"\nreference = "id"\n')
    text += '[receives.reply_signature]\nbinding = "wss"\ncertificates = ["keys/pin.pem"]\ntimestamp = true\n'
    assert [problem.place for problem in problems(tmp_path, text)] == [
        "so-dat.toml: receives.signature.reference",
        "so-dat.toml: receives.reply_signature.timestamp",
    ]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("version = 2", "less than or equal to 1"),
        ('skew = "6m"', "less than or equal to 300"),
        ('algorithms = ["rsa-sha1"]', "should be"),
        ("algorithms = []", "at least 1"),
        ('algorithms = ["rsa-pss-sha256"]', "rsa-sha256 | ecdsa-sha256"),
        ('max_age = "32h"', "at least 115530"),
        ('max_age = "0s"', "greater than 0"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, line: str, rule: str) -> None:
    text = GOOD.replace(SENDS, f"{SENDS}{line}\n").replace('"24h"]', '"30h", "2h"]')
    found = problems(tmp_path, text)
    assert any(rule in problem.rule for problem in found), found
    assert all("sends.signature" in problem.place for problem in found)


def test_a_signature_may_be_as_old_as_the_last_try(tmp_path: Path) -> None:
    enough = GOOD.replace(SENDS, f'{SENDS}max_age = "86730s"\n')
    assert read(tmp_path, enough).sends is not None
    [problem] = problems(tmp_path, enough.replace("86730s", "86729s"))
    assert problem.place == "so-dat.toml: sends.signature.max_age"
    fresh = GOOD.replace(SENDS, '[sends.signature]\nbinding = "wss"\nmax_age = "1m"\n')
    assert read(tmp_path, fresh).sends is not None  # signed anew for every try
