"""A reply that the partner signed is proof: who signed it stays with the attempt, in the journal, and in the bundle with the certificate."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Exchange
from hub.cli.opening import wired
from hub.evidence.examining import examine
from hub.lifecycle import Move
from hub.receipts.receipts import receipt
from hub.settings.file import load
from hub.store.contract.delivery import Settlement
from hub.wiring.bundles import check, export
from hub.wiring.parts import store_of
from signing.asic.anchors import Anchors
from signing.bindings import signer
from signing.contract import Wire
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.profiles import PROFILES
from signing.timestamps import Anchors as StampAnchors
from tests.doubles.evidence_site import site
from tests.doubles.pki import Pki
from tests.store.samples import acceptance, attempt, roomy, sealed
from tests.unit.test_cli_double import line
from tests.unit.test_signing_wss import envelope

if TYPE_CHECKING:
    from pathlib import Path

    from hub.wiring.bundles import Proof

SEAL = "seal-2048"
TRANSFER = "m1.so-tnmt.0"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path, now: datetime) -> Path:
    """A hub whose partner signs its replies; its store holds one delivery."""
    pki = Pki(tmp_path, now)
    made = site(tmp_path, pki)
    file = made.parent / "partners" / "so-tnmt.toml"
    reply = f'[receives.reply_signature]\nbinding = "wss"\ncertificates = ["{pki[SEAL].certificate_file}"]\n'
    text = file.read_text("utf-8").replace(
        "[receives.soap]\n", f"{reply}[receives.soap]\naddressing = true\n"
    )
    file.write_text(text, "utf-8")
    asyncio.run(delivered(made, answered(pki, now), now))
    return made


def answered(pki: Pki, now: datetime) -> Exchange:
    issued = pki[SEAL]
    key = load_key(KeySource(name=SEAL, file=str(issued.key_file), certificate=str(issued.certificate_file)))
    body = signer(key, PROFILES["wss"]).sign(Wire(body=envelope()), now).body
    return Exchange(
        url="http://127.0.0.1/x",
        sent=b"<a/>",
        received=b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + body,
        status=200,
        started_at=now - timedelta(seconds=1),
        seconds=1.0,
        signer=key.fingerprint,
        profile="wss@1",
    )


async def delivered(settings: Path, call: Exchange, now: datetime) -> None:
    store = store_of(load(settings, {}))
    try:
        await store.capacities(roomy("so-tnmt"))
        new = acceptance("m1", dossier="d1", when=now)
        told = receipt(
            message="m1",
            digest=new.digest,
            accepted_at=now,
            kind=new.kind,
            key=new.key,
            transfers=new.transfers,
        )
        await store.accept(msgspec.structs.replace(new, receipt=told))
        (work,) = await store.claim("w", now, 10, 30)
        await store.seal(work.token, {work.transfer: sealed()})
        tried = msgspec.structs.replace(attempt(), exchanges=(call,))
        done = Settlement(transfer=work.transfer, move=Move.DELIVER, attempts=(tried,))
        await store.settle(work.token, [done], now)
    finally:
        await store.close()


async def exported(settings: Path, now: datetime) -> bytes:
    store = store_of(load(settings, {}))
    try:
        return (await export(settings, store, TRANSFER, now)).content
    finally:
        await store.close()


def proof(settings: Path, now: datetime) -> tuple[bytes, Proof]:
    raw = asyncio.run(exported(settings, now))
    return raw, asyncio.run(check(settings, raw, (), now))


def test_who_signed_a_reply_is_told_and_journaled(settings: Path, now: datetime) -> None:
    shown = line("transfer", "show", TRANSFER, "--settings", str(settings), "--json", opener=wired, now=now)
    assert shown.status == 0, shown.err
    (tried,) = json.loads(shown.out)["timeline"]
    (fingerprint,) = tried["signer"]
    listed = line(
        "transfer", "journal", TRANSFER, "--settings", str(settings), "--json", opener=wired, now=now
    )
    (settled,) = [one["facts"] for one in json.loads(listed.out) if one["what"] == "deliver"]
    assert (settled["signer"], settled["profile"]) == (fingerprint, "wss@1")


def test_the_bundle_holds_the_reply_its_signer_and_the_certificate(settings: Path, now: datetime) -> None:
    raw, found = proof(settings, now)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        call = json.loads(archive.read(f"transfers/{TRANSFER}/calls/001-1.json"))
        assert call["profile"] == "wss@1"
        assert f"certificates/{call['signer']}.pem" in archive.namelist()
    (held,) = [one for one in found.holds if one.check == "reply"]
    assert held.about.startswith(f"transfers/{TRANSFER}/calls/001-1.received: CN=seal-2048")


def test_a_reply_that_does_not_verify_is_claimed_by_nobody(settings: Path, now: datetime) -> None:
    """What the hub says of it is not believed: the reader looks at the bytes."""
    raw, found = proof(settings, now)
    del raw
    name = f"transfers/{TRANSFER}/calls/001-1.received"
    files = found.checked.files
    changed = {**files, name: files[name].replace(b"Body", b"Bodx")}
    anchors = Anchors(seals=(), stamps=StampAnchors(roots=()))
    unsigned = {one: content for one, content in changed.items() if not one.endswith(".jws")}
    assert not [one for one in examine(unsigned, anchors, now) if one.check == "reply"]
