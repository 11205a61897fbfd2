"""P14: how long it takes to check an evidence bundle offline: by us, wholly, and its signature by xmlsec1, process included.

The bundle is of one dossier, signed and time-stamped: a message delivered with the partner's receipt, one refused whose sender
was told, and as many delivered ones as make a usual dossier. Milliseconds of the clock, the median of several rounds.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import subprocess
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hub.wiring import bundles
from tests.doubles.evidence_site import CODE, filled, site
from tests.doubles.pki import Pki
from tests.doubles.tsa import tsa

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15
MESSAGES = 10
"""Delivered ones beside the first two."""


def rows() -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), datetime.now(UTC)
        (folder / "pki").mkdir()
        pki = Pki(folder / "pki", now)
        with tsa(pki) as authority:
            bundle = asyncio.run(_made(site(folder, pki, authority), now))
        anchors = [pki[one].certificate_file for one in ("root", "issuing")]
        unpacked = folder / "unpacked"
        with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
            archive.extractall(unpacked)
        ours = _median(lambda: asyncio.run(bundles.check(None, bundle.content, anchors, now)))
        foreign = _median(lambda: _xmlsec1(unpacked, anchors[0]))
    about = {"transfers": bundle.transfers, "files": bundle.files, "bytes": len(bundle.content)}
    return [
        {"row": "P14", "what": what, "value": round(value, 1), "unit": "ms", "target": "≤ 100", **about}
        for what, value in (
            (f"check a dossier's bundle offline, {bundle.files} files", ours),
            ("its signature by xmlsec1", foreign),
        )
    ]


async def _made(settings: Path, now: datetime) -> bundles.Bundle:
    store = await filled(settings, now, more=MESSAGES)
    try:
        return await bundles.export(settings, store, CODE, now)
    finally:
        await store.close()


def _xmlsec1(folder: Path, root: Path) -> None:
    command = ["xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"]
    command += ["--trusted-pem", str(root), "META-INF/signatures0.xml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _median(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
