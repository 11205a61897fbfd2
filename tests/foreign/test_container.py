"""An evidence container's signature, by foreign software: over every file as it lies, and not with one byte changed."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.wiring.bundles import export
from signing import timestamps
from signing.asic.container import SIGNATURE, File
from signing.asic.signature import seal
from signing.keys.ring import KeySource, load
from tests.doubles.evidence_site import CODE, DELIVERED, filled, site
from tests.doubles.tsa import authority, tsa
from tests.foreign.forms import CHANGED, CONTAINERS, cells

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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

    return unpacked(await seal(FILES, key, datetime.now(UTC), stamp))


def unpacked(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def verified(
    peers: Peers, peer: str, pki: Pki, name: str, files: dict[str, bytes], secure: bytes = b"yes"
) -> Answer:
    certificate = pki[name].certificate_file.read_bytes()
    told = {"document": files[SIGNATURE], "certificate": certificate, "secure": secure}
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


@pytest.mark.parametrize(("wanted", "secure"), [(DELIVERED, b"yes"), (CODE, b"no")])
async def test_evidence_as_it_is_exported_holds_elsewhere(
    peers: Peers, pki: Pki, tmp_path: Path, wanted: str, secure: bytes
) -> None:
    """What the command writes: every part of it, one part changed, one part missing.

    A dossier's has more parts than the JDK's secure validation reads (30 references); a transfer's has not.
    """
    now = datetime.now(UTC)
    with tsa(pki) as running:
        settings = site(tmp_path, pki, running)
        store = await filled(settings, now)
        try:
            bundle = await export(settings, store, wanted, now)
        finally:
            await store.close()
    files = unpacked(bundle.content)
    assert bundle.stamped
    changed = next(name for name in files if name.endswith(".json"))
    for peer in ("xmlsec1", "jdk"):
        answer = verified(peers, peer, pki, "seal-p256", files, secure)
        assert answer.good, answer.said.decode()
        forged = {**files, changed: files[changed] + b" "}
        assert not verified(peers, peer, pki, "seal-p256", forged, secure).good
        missing = {name: content for name, content in files.items() if name != changed}
        assert not verified(peers, peer, pki, "seal-p256", missing, secure).good
