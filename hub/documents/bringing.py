"""Files that come inside a message become documents of the hub, before the message that names them is taken in.

They go the way of every upload (``hub.documents.contract.Documents``), so that they are scanned, held by the dossier that claims them,
and swept when nobody does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from hub.documents.contract import LONGEST_NAME, NewUpload, Safety
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connectors.contract import Enclosed
    from hub.documents.contract import Documents


class Bringing(msgspec.Struct, frozen=True, kw_only=True):
    """``limit``: bytes of one document; ``quota``: of a sender's unclaimed ones; ``expires``: seconds until what nobody claims goes;
    ``unscanned``: what a document is before anybody scanned it.
    """

    documents: Documents
    new_id: Callable[[], str]
    limit: int
    quota: int
    expires: float
    unscanned: Safety

    async def bring(self, sender: str, enclosed: Sequence[Enclosed], now: datetime) -> None:
        """Keep each; when it returns they are on disk. Raises ``Refusal`` HUB-DOC-009, HUB-DOC-010, HUB-LIM-003."""
        for each in enclosed:
            await self._one(sender, each, now)

    async def _one(self, sender: str, each: Enclosed, now: datetime) -> None:
        if len(each.content) > self.limit:
            raise refuse("HUB-DOC-009", each.place, rule=f"at most {self.limit} bytes")
        upload = await self.documents.announce(
            NewUpload(
                id=self.new_id(),
                sender=sender,
                sha256=each.sha256,
                size=len(each.content),
                media_type=each.media_type,
                name=each.name[:LONGEST_NAME],
                until=now + timedelta(seconds=self.expires),
            ),
            quota=self.quota,
            now=now,
        )
        if upload.safety is not None:
            return
        async with await self.documents.receive(upload.id, upload.received) as incoming:
            if not incoming.whole:
                await incoming.write(each.content[upload.received :])
            await incoming.finish(self.unscanned, now)
