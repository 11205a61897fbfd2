"""The examples travel to the land department's double: mapping, seal, envelope, and a foreign verifier at the end."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from connectors.catalogue import ROOMS, Outfit
from connectors.contract import Delivered, Parcel, Sealed
from connectors.simulators.desk import Journal
from connectors.simulators.land import Land
from schemas.library import BUILTIN, Library
from schemas.mapping import mappings
from signing.keys.ring import KeySource, load
from signing.xml.enveloped import EnvelopedSigner
from tests.doubles.loopback import loopback
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((BUILTIN.parent / "examples" / "messages").glob("*.json"))
STATUS = {"code": "Ma", "message": "ThongDiep", "delivered": ["0", "1"]}
FIND = {
    "operation": "TraCuuGiaoDich",
    "arguments": {"MaGiaoDich": "key"},
    "element": "Ma",
    "has": ["0", "1"],
    "has_not": ["2"],
    "key": "MaGiaoDich",
}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_what_the_partner_journaled_still_carries_a_signature_that_xmlsec1_verifies(
    tmp_path: Path, version: str
) -> None:
    pki = Pki(tmp_path, now())
    seal = pki["seal-p256"]
    signer = EnvelopedSigner(
        load(KeySource(name="seal", file=str(seal.key_file), certificate=str(seal.certificate_file)))
    )
    formats = mappings(BUILTIN / "mappings")
    outfit = Outfit(library=Library(), now=now, seconds=lambda: 0.0)
    async with loopback(Land(Journal(None, now))) as (server, url):
        settings = ROOMS["soap"].settings.model_validate(
            {"base_url": url, "wsdl": "land@1", "version": version, "status": STATUS, "find": FIND}
        )
        codec = ROOMS["soap"].build(settings, formats["land.soap@1"])
        room = ROOMS["soap"].connect(settings, (), outfit)
        for number, example in enumerate(EXAMPLES):
            message = formats["motcua.rest@1"].read(
                example.read_bytes(), "motcua-tinh", f"k-{number}", "000.00.00.H47"
            )
            for operation in codec.operations(message):
                draft = codec.encode(operation, message, f"t-{number}")
                sealed = Sealed(payload=signer.sign(draft.payload), media_type=draft.media_type)
                parcel = Parcel(key=f"t-{number}", operation=operation, sealed=sealed)
                assert isinstance(await room.deliver(parcel), Delivered), example.name
                assert isinstance(await room.find(parcel), Delivered)
                assert sealed.payload in server.requests[-2]
        await room.close()
    entries = server.desk.journal.entries
    assert len(entries) == len(EXAMPLES) > 0
    for entry in entries:
        file = tmp_path / f"{entry.number}.xml"
        file.write_bytes(entry.body.encode())
        told = verified_by_xmlsec1(pki, file)
        assert told.returncode == 0, told.stderr


def verified_by_xmlsec1(pki: Pki, file: Path) -> subprocess.CompletedProcess[str]:
    trusted = str(pki["root"].certificate_file)
    command = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--trusted-pem", trusted, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
