"""An evidence container's signature, by foreign software: over every file as it lies, and not with one byte changed."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from signing import timestamps
from signing.asic.container import SIGNATURE, File
from signing.asic.signature import seal
from signing.keys.ring import KeySource, load
from tests.doubles.tsa import authority
from tests.foreign.forms import CHANGED, CONTAINERS, cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.pki import Pki
    from tests.foreign.peers import Answer, Peers

pytestmark = pytest.mark.xdist_group("foreign")

FILES = (
    File("received.json", "application/json", '{"ten":"Nguyễn","ghiChu":"so 12"}'.encode()),
    File("sent/sealed.xml", "text/xml", b"<a>1</a>"),
    File("report.html", "text/html", b"<p>1</p>"),
)


async def contained(pki: Pki, name: str) -> dict[str, bytes]:
    """Return the files of a stamped container by their names."""
    one = pki[name]
    key = load(KeySource(name=name, file=str(one.key_file), certificate=str(one.certificate_file)))

    async def stamp(digest: bytes) -> bytes:
        return timestamps.token_of(authority(pki).stamp(timestamps.question(digest, 7)))

    raw = await seal(FILES, key, datetime.now(UTC), stamp)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def verified(peers: Peers, peer: str, pki: Pki, name: str, files: dict[str, bytes]) -> Answer:
    told = {"document": files[SIGNATURE], "certificate": pki[name].certificate_file.read_bytes()}
    return peers.ask(peer, "verify", told | {f"content:{file}": content for file, content in files.items()})


@pytest.mark.parametrize(("row", "peer"), cells("verifies", of=CONTAINERS))
async def test_it_verifies_our_container_and_not_with_one_byte_changed(
    peers: Peers, pki: Pki, record_property: Callable[[str, object], None], row: str, peer: str
) -> None:
    name = CONTAINERS[row]
    files = await contained(pki, name)
    answer = verified(peers, peer, pki, name, files)
    assert answer.good, answer.said.decode()
    forged = {**files, "received.json": files["received.json"].replace(*CHANGED)}
    assert forged != files
    assert not verified(peers, peer, pki, name, forged).good
    record_property("foreign", f"{row} {peer} verifies")
