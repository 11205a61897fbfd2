"""Evidence bundles before software that we have no hand in: their signature covers the files as they lie."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from signing.asic.container import MANIFEST, MIMETYPE, SIGNATURE, File
from signing.asic.signature import seal
from signing.keys.ring import KeySource, load

if TYPE_CHECKING:
    from tests.doubles.pki import Pki
    from tests.foreign.peers import Fields, Peers

pytestmark = pytest.mark.xdist_group("foreign")


async def job(pki: Pki, name: str, files: int) -> Fields:
    issued = pki[name]
    key = load(KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file)))
    made = [File(f"part-{n}.xml", "text/xml", f"<a>{n}</a>\r\n".encode()) for n in range(files)]
    raw = await seal(made, key, datetime.now(UTC))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    contents = {
        f"content:{each}": parts[each] for each in parts if each not in {MIMETYPE, MANIFEST, SIGNATURE}
    }
    return {"document": parts[SIGNATURE], "certificate": issued.certificate_file.read_bytes(), **contents}


@pytest.mark.parametrize("peer", ["xmlsec1", "jdk"])
@pytest.mark.parametrize("name", ["seal-p256", "seal-2048"])
async def test_others_verify_a_bundle_and_find_a_changed_part(
    peers: Peers, pki: Pki, peer: str, name: str
) -> None:
    told = await job(pki, name, 25)
    answer = peers.ask(peer, "verify", told)
    assert answer.good, answer.said.decode()
    assert not peers.ask(peer, "verify", {**told, "content:part-7.xml": b"<a>8</a>\r\n"}).good


async def test_the_jdk_takes_thirty_references_unless_it_is_told_to_take_more(peers: Peers, pki: Pki) -> None:
    """Its secure validation counts; docs/howto/evidence.md says so."""
    told = await job(pki, "seal-p256", 40)
    assert not peers.ask("jdk", "verify", told).good
    assert peers.ask("jdk", "verify", {**told, "secure": b"no"}).good
