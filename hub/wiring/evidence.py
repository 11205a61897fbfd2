"""Who chains and stamps the journal, and who is believed when a stamp is looked at."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from hub.evidence.keeping import EvidenceKeeper, Stamping
from hub.receipts.receipts import unsigned
from hub.rounds.rounds import beside
from hub.settings import file as settings_file
from hub.wiring.parts import utc_now
from hub.wiring.timestamps import anchors_of, stamper
from hub.wiring.tools import keys_of
from schemas.problems import Refusal
from signing import timestamps
from signing.jose.detached import DetachedSigner
from signing.keys.generations import signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from hub.evidence.contract import Root
    from hub.receipts.receipts import Confirm
    from hub.settings.file import Settings
    from hub.store.contract.store import Store


@asynccontextmanager
async def kept_evidence(store: Store, settings: Settings, name: str) -> AsyncIterator[EvidenceKeeper]:
    """Chain and stamp while the context lasts."""
    async with stamper(settings.timestamps) as authority:
        stamping = None
        if authority is not None:
            read = partial(timestamps.read, anchors=anchors_of(settings.timestamps))
            stamping = Stamping(authority.stamp, read)
        keeper = EvidenceKeeper(
            store, stamping, now=utc_now, holder=name, interval=settings.evidence.interval
        )
        async with beside(keeper.run()):
            yield keeper
        await keeper.end()


def confirming(settings: Settings, barred: Callable[[], frozenset[str]]) -> Confirm:
    """Who signs receipts: the key that the settings name for that, its generation of the day. While none of them may sign,
    receipts go unsigned: intake never stops for that. ``barred``: what signs no more. Raises ``Refusal`` HUB-CRT-003, HUB-SIG-004.
    """
    name = settings.evidence.key
    if not name:
        return unsigned
    ring = keys_of(settings, name)
    signers = {one.key.fingerprint: DetachedSigner(one.key) for one in ring.generations(name)}

    def confirm(receipt: bytes, now: datetime) -> str:
        one = signing(ring.generations(name), now, barred())
        return signers[one.key.fingerprint].sign(receipt, now) if one else unsigned(receipt, now)

    return confirm


def stamps(path: Path) -> Callable[[Root], str]:
    """Say what is wrong with a root's time-stamp under the anchors of the settings; empty: nothing."""
    told = settings_file.load(path).timestamps
    anchors = anchors_of(told) if told.certificates else None

    def look(root: Root) -> str:
        if anchors is None:
            return "HUB-TSP-006"
        try:
            timestamps.read(root.token, root.digest, anchors)
        except Refusal as refusal:
            return refusal.code
        return ""

    return look
