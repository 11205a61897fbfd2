"""What came of it: the hub's own store, an evidence bundle, and a signature that a foreign tool verifies."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hub.demo.cast import LAND
from hub.demo.journals import entries
from hub.demo.telling import Failed, short
from hub.lifecycle import DONE
from hub.settings import file as settings_file
from hub.store.contract.views import Filter
from hub.wiring import bundles
from hub.wiring.parts import store_of
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.demo.scene import Scene
    from hub.demo.telling import Told
    from hub.store.contract.store import Store

PATIENCE = 90.0


async def finish(scene: Scene, tell: Told) -> int:
    """Wait until every transfer is done; return how many were asked about first."""
    store = store_of(settings_file.load(scene.settings))
    left: Counter[str] = Counter()
    try:
        ends = time.monotonic() + PATIENCE
        async with tell.meanwhile("waiting", lambda: {"left": left.total()}):
            while left := await _unfinished(store):
                if time.monotonic() > ends:
                    tell("unfinished", "✕", seconds=PATIENCE, states=dict(left))
                    break
                await asyncio.sleep(0.25)
        async with tell.meanwhile("counting"):
            if broken := await store.conservation():
                raise Failed("; ".join(broken))
            return await _asked(store)
    finally:
        await store.close()


async def _unfinished(store: Store) -> Counter[str]:
    states: Counter[str] = Counter()
    for row in await store.queue():
        states.update({state: count for state, count in row.counts.items() if count and state not in DONE})
    return states


async def _asked(store: Store) -> int:
    asked, after = 0, ""
    while page := await store.transfers(Filter(after=after, limit=200)):
        after = page[-1].id
        for transfer in page:
            asked += any(one.attempt.verb == "find" for one in await store.attempts(transfer.id))
    return asked


async def prove(scene: Scene, dossier: str, tell: Told) -> Path:
    """Write down what proves one dossier to somebody who was not there, and check it as he would."""
    store = store_of(settings_file.load(scene.settings))
    now = datetime.now(UTC)
    try:
        bundle = await bundles.export(scene.settings, store, dossier, now)
    finally:
        await store.close()
    scene.evidence.mkdir(mode=0o700)
    path = scene.evidence / f"{dossier}.asice"
    path.touch(mode=0o600)
    path.write_bytes(bundle.content)
    try:
        proof = await bundles.check(None, path.read_bytes(), [scene.root], now)
    except Refusal as refusal:
        raise Failed(f"{path.name}: {refusal.code}") from refusal
    shown, held = short(path), len(proof.holds)
    if proof.checked.stamped_at:
        tell("evidence_stamped", path=shown, holds=held)
    else:
        tell("evidence_unstamped", path=shown, holds=held)
    kinds = Counter(one.check for one in proof.holds)
    tell("evidence_proves", " ", **{name: kinds[name] for name in PROVED})
    return path


PROVED = ("received", "origin", "sent", "receipt", "entry")
"""The checks of a bundle that are told one by one (``hub/evidence/words.toml``)."""


def verify(scene: Scene, tell: Told) -> None:
    """Take one document out of the land department's journal and have xmlsec1 verify it."""
    written = entries(scene.journal(LAND))
    if not written:
        raise Failed("nothing arrived at the land department")
    path = scene.folder / "delivered.xml"
    path.write_text(written[-1]["body"], "utf-8")
    root = f"urn:lienthong:example:land:1:{written[-1]['operation']}"
    command = ["xmlsec1", "--verify", "--trusted-pem", str(scene.root), "--id-attr:Id", root, str(path)]
    tell.line()
    tell("verify", "■", path=short(path))
    tell.line("    " + shlex.join([short(Path(word)) if word.startswith("/") else word for word in command]))
    if shutil.which("xmlsec1") is None:
        raise Failed("xmlsec1")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the command shown
    if done.returncode != 0:
        raise Failed(f"xmlsec1: {done.stderr.strip()[:300]}")
    tell("verified", verdict=(done.stdout + done.stderr).split("\n")[0])
