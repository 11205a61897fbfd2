"""Sealed once: what the sealers make of a draft, and a pool that neither one message nor a killed process stops."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from connectors.contract import Draft, Sealed
from hub.delivery.sealing import CHUNK, KEY_SECONDS, Order, Pool, Signs, Unsigned, Workbench, seal
from hub.documents.contract import Waits
from hub.processes import pool
from hub.processes.crew import Crew
from schemas.dossier import Event, Kind, Message, to_json
from schemas.problems import Problem, Refusal, refuse
from signing import bindings
from signing.bindings import signer
from signing.contract import Wire
from signing.jose.detached import DetachedVerifier
from signing.keys.ring import KeyRing, KeySource, load
from signing.profiles import DETACHED, JwsProfile, Reference, XmlProfile
from signing.trust.pins import Pins, load_pins, pin
from signing.xml.enveloped import with_id
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connectors.contract import Codec, Relayed
    from hub.judging.contract import Desk
    from hub.store.contract.delivery import Work
    from hub.story.filling import Earlier
    from signing.keys.ring import SigningKey

NOW = datetime.now(UTC)
NOTE = '<ghi:chú xmlns:ghi="urn:ghi-chu">Nguyễn Thị Hoa</ghi:chú>'.encode()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def key(pki: Pki, name: str = "seal-2048") -> SigningKey:
    issued = pki[name]
    return load(KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file)))


def draft(payload: bytes = NOTE) -> Draft:
    return Draft(payload=payload, media_type="text/xml", facts={"dossier": "D-1"})


# --- sealers ------------------------------------------------------------------------------------------------------


def test_without_a_signature_the_draft_goes_as_it_is() -> None:
    assert Unsigned().seal(draft()) == Sealed(payload=NOTE, media_type="text/xml", facts={"dossier": "D-1"})


@pytest.mark.parametrize("by_id", [True, False])
def test_a_signed_document_is_verified_by_xmlsec1(pki: Pki, tmp_path: Path, by_id: bool) -> None:
    reference = Reference.ID if by_id else Reference.DOCUMENT
    sealed = Signs(signer(key(pki), XmlProfile(reference=reference)), lambda: NOW).seal(draft())
    assert (sealed.media_type, sealed.headers, sealed.facts) == ("text/xml", {}, {"dossier": "D-1"})
    file = tmp_path / "sealed.xml"

    def verified(payload: bytes) -> bool:
        file.write_bytes(payload)
        root = str(pki["root"].certificate_file)
        command = ["xmlsec1", "--verify", "--trusted-pem", root, "--id-attr:Id", "urn:ghi-chu:chú"]
        return subprocess.run([*command, str(file)], capture_output=True, check=False).returncode == 0

    assert verified(sealed.payload)
    assert not verified(sealed.payload.replace(b"Hoa", "Hòa".encode()))


def test_a_detached_signature_covers_the_very_bytes_that_leave(pki: Pki) -> None:
    sealed = Signs(signer(key(pki), JwsProfile()), lambda: NOW).seal(draft(b'{"a": 1}'))
    assert sealed.payload == b'{"a": 1}'
    verifier = DetachedVerifier(load_pins([pki["seal-2048"].certificate_file]))
    assert verifier.verify(sealed.payload, sealed.headers["X-JWS-Signature"], NOW).payload == sealed.payload
    with pytest.raises(Refusal):
        verifier.verify(b'{"a":1}', sealed.headers["X-JWS-Signature"], NOW)


@pytest.mark.parametrize(
    ("document", "made"),
    [
        (b"<a/>", b'<a Id="_*"/>'),
        (b"<a>x</a>", b'<a Id="_*">x</a>'),
        (b'<p:a xmlns:p="u" b="1"><c Id="2"/></p:a>', b'<p:a xmlns:p="u" b="1" Id="_*"><c Id="2"/></p:a>'),
        (b'<a b="1 > 0">x</a>', b'<a b="1 > 0" Id="_*">x</a>'),
        (b"<a b='/>'/>", b"<a b='/>' Id=\"_*\"/>"),
        (b'<a Id="own"><b/></a>', b'<a Id="own"><b/></a>'),
    ],
)
def test_a_root_without_an_id_is_given_one_of_its_own(document: bytes, made: bytes) -> None:
    front, _, back = made.partition(b"*")
    got = with_id(document)
    assert got.startswith(front)
    assert got.endswith(back)
    assert with_id(document) == got
    assert b"_*" not in made or with_id(document + b" ") != got + b" "


@pytest.mark.parametrize("document", [b"", b"text", b'<?xml version="1.0"?><a/>', b" <a/>"])
def test_what_does_not_begin_with_its_root_is_not_signed(document: bytes) -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        with_id(document)


# --- one order ----------------------------------------------------------------------------------------------------


class Form:
    """Says any message; about ``unsayable`` it cannot, ``broken`` it breaks over, and ``deadly`` ends its process."""

    def operations(self, _: Message) -> tuple[str, ...]:
        return ("submit",)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        if message.subject == "unsayable":
            raise refuse("HUB-MAP-004", "/dossier/note", rule="fewer letters")
        if message.subject == "broken":
            raise ZeroDivisionError
        if message.subject == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        text = f"{operation} {key} {message.subject}"
        return Draft(payload=text.encode(), media_type="text/plain")


def bench() -> Workbench:
    return Workbench(codecs={"land": cast("Codec", Form())}, sealers={"land": Unsigned()})


def build(_: str) -> tuple[Desk, Workbench]:
    """For a pool process."""
    return cast("Desk", None), bench()


def canonical(subject: str) -> bytes:
    event = Event(kind=Kind.CATALOGUE_PUBLISHED, at=NOW)
    return to_json(Message(event=event, key="k", sender="desk", agency="000.00.00.H47", subject=subject))


def order(subject: str, partner: str = "land") -> Order:
    return Order(f"t-{subject}", partner, "submit", f"key-{subject}", canonical(subject))


def test_an_order_is_encoded_under_its_own_key_and_sealed() -> None:
    assert seal(bench(), order("fees")) == Sealed(payload=b"submit key-fees fees", media_type="text/plain")


@pytest.mark.parametrize(
    ("subject", "partner", "problem"),
    [
        ("unsayable", "land", Problem(code="HUB-MAP-004", place="/dossier/note", rule="fewer letters")),
        ("fees", "gone", Problem(code="HUB-CFG-001", detail="gone")),
        ("broken", "land", Problem(code="HUB-INT-001", detail="ZeroDivisionError")),
    ],
)
def test_what_cannot_be_sealed_says_why(subject: str, partner: str, problem: Problem) -> None:
    assert seal(bench(), order(subject, partner)) == problem


# --- the pool -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """What the pool reads of a claimed head."""

    transfer: str
    key: str
    canonical: bytes
    partner: str = "land"
    operation: str = "submit"
    contents: Mapping[str, bytes] = field(default_factory=dict)
    number: int = 0
    accepted_at: datetime = datetime(2026, 11, 20, tzinfo=UTC)
    opened: bytes = b""
    earlier: tuple[Earlier, ...] = ()
    relayed: Relayed | None = None


def heads(*subjects: str) -> list[Work]:
    return cast("list[Work]", [Head(f"t-{one}", f"key-{one}", canonical(one)) for one in subjects])


async def test_a_message_that_kills_its_process_parks_alone_and_the_pool_goes_on() -> None:
    crew = Crew(partial(pool.begin, build), "", 1)
    subjects = [f"s{number}" for number in range(2 * CHUNK)]
    subjects[3] = "deadly"
    try:
        sealing = Pool(pool.sealing_in(crew))
        made = dict(await sealing.seal(heads(*subjects)))
        assert set(made) == {f"t-{subject}" for subject in subjects}
        assert made.pop("t-deadly") == Problem(
            code="HUB-INT-001", detail="its pool process died or was stopped"
        )
        assert all(isinstance(one, Sealed) for one in made.values())
        assert made["t-s12"] == Sealed(payload=b"submit key-s12 s12", media_type="text/plain")
        assert isinstance((await sealing.seal(heads("after")))["t-after"], Sealed)
    finally:
        await crew.close()


async def test_a_killed_pool_process_costs_nothing_but_time() -> None:
    crew = Crew(partial(pool.begin, build), "", 1)
    try:
        sealing = Pool(pool.sealing_in(crew))
        await sealing.seal(heads("before"))
        (victim,) = crew.pids
        os.kill(victim, signal.SIGKILL)
        assert isinstance((await sealing.seal(heads("after")))["t-after"], Sealed)
    finally:
        await crew.close()


# --- the key of the day -------------------------------------------------------------------------------------------


def build_with_keys(folder: str) -> tuple[Desk, Workbench]:
    """For a pool process: a key whose next generation begins a second and a half after the process does."""
    begins = datetime.now(UTC) + timedelta(seconds=1.5)
    ring = KeyRing(
        KeySource(
            name="seal",
            generation=name,
            file=f"{folder}/{name}.key",
            certificate=f"{folder}/{name}.pem",
            begins=at,
        )
        for name, at in (("seal-p256", None), ("seal-non-repudiation", begins))
    )
    sealer = Signs(ring.signer("seal", lambda key: bindings.signer(key, DETACHED)), lambda: datetime.now(UTC))
    return cast("Desk", None), Workbench(
        codecs={"land": cast("Codec", Form())}, sealers={"land": sealer}, bars=ring.bars
    )


def signed_by(sealed: object, pki: Pki) -> str:
    assert isinstance(sealed, Sealed)
    wire = Wire(body=sealed.payload, headers={name.lower(): value for name, value in sealed.headers.items()})
    names = ("seal-p256", "seal-non-repudiation")
    pins = {pin(pki[name].certificate).fingerprint: name for name in names}
    verifier = bindings.verifier(Pins([pin(pki[name].certificate) for name in names]), DETACHED)
    return pins[verifier.verify(wire, datetime.now(UTC)).signer.fingerprint]


async def test_a_running_pool_changes_keys_on_the_day_and_stops_at_once_when_told(tmp_path: Path) -> None:
    pki = Pki(tmp_path, datetime.now(UTC))
    fingerprints = [pin(pki[name].certificate).fingerprint for name in ("seal-p256", "seal-non-repudiation")]
    barred: set[str] = set()
    crew = Crew(partial(pool.begin, build_with_keys), str(tmp_path), 1)
    try:
        sealing = Pool(pool.sealing_in(crew, barred=lambda: frozenset(barred)))
        assert signed_by((await sealing.seal(heads("a")))["t-a"], pki) == "seal-p256"
        await asyncio.sleep(1.5)
        assert signed_by((await sealing.seal(heads("b")))["t-b"], pki) == "seal-non-repudiation"
        barred.add(fingerprints[1])
        assert signed_by((await sealing.seal(heads("c")))["t-c"], pki) == "seal-p256"
        barred.add(fingerprints[0])
        waits = (await sealing.seal(heads("d")))["t-d"]
        assert waits == Waits(code="HUB-KEY-001", place="seal", seconds=KEY_SECONDS)
    finally:
        await crew.close()
