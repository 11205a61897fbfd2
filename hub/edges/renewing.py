"""A hub below gets a new key before the certificate of the one that it has ends: made here, certified above, and never travelling.

The key is written first, its certificate when it has come: so an answer that is lost is asked for again for the same key. What signs
from then on is the new one (hub/settings/keys.py: ``renewed``); the hub above believes both until it was used.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from connectors.edge.calling import Trouble
from hub.edges import enrolling
from hub.rounds.syncing import Broke
from schemas.problems import Refusal, refuse
from signing.keys import authority

if TYPE_CHECKING:
    from connectors.edge.calling import Client
    from connectors.edge.values import Hello
    from hub.edges.peers import Sign, Verify

log = structlog.get_logger(__name__)

PATH = "/edge/v1/renew"
SIGNATURE = "X-JWS-Signature"
NOT_ABOVE = "HUB-EDG-063"
REST = timedelta(hours=1)
"""Between two tries, where the hub above refused."""


class Life(NamedTuple):
    """Of the certificate that signs now."""

    begins: datetime
    ends: datetime


class Desk(NamedTuple):
    """What is there to renew with. ``life``: of what signs now, read anew each time; ``pending``: the key whose certificate has not come, made
    where there is none; ``lay``: puts its certificate beside it.
    """

    name: str
    software: str
    life: Callable[[], Life]
    pending: Callable[[], bytes]
    lay: Callable[[bytes], None]
    sign: Sign
    verify: Verify


def is_due(life: Life, now: datetime) -> bool:
    """At two thirds of its life."""
    return now >= life.begins + (life.ends - life.begins) * 2 / 3


class Renewing:
    """A hook of the round. ``changed``: called when another key signs than the one that the processes have."""

    def __init__(self, desk: Desk, changed: Callable[[], None], now: Callable[[], datetime]) -> None:
        self._desk, self._changed, self._now = desk, changed, now
        self._not_before: datetime | None = None

    async def __call__(self, client: Client, hello: Hello) -> None:  # noqa: ARG002 - of a round
        """Renew when it is time; a refusal does not stop the line. Raises ``Broke`` where nobody answers."""
        now = self._now()
        if (self._not_before and now < self._not_before) or not is_due(self._desk.life(), now):
            return
        self._not_before = now + REST
        try:
            await self.renew(client)
        except Refusal as refusal:
            log.warning("renewal_refused", code=refusal.code, place=refusal.problems[0].place)
        except Broke as broke:
            if not broke.trouble.status:
                raise
            log.warning("renewal_refused", code=broke.trouble.code, reason=broke.trouble.detail)

    async def renew(self, client: Client) -> Life:
        """Have a new key certified now. Raises ``Broke``; ``Refusal`` HUB-EDG-063, HUB-SIG-*: the answer is not that of the hub above."""
        key = self._desk.pending()
        csr = authority.request(key, self._desk.name)
        body = msgspec.json.encode(enrolling.Request(v=1, csr=csr.decode(), software=self._desk.software))
        headers = {SIGNATURE: self._desk.sign(body, self._now())}
        answer = await client.post(PATH, body, headers=headers)
        if isinstance(answer, Trouble):
            raise Broke(answer)
        self._desk.verify(answer.body, answer.headers.get(SIGNATURE.lower(), ""), self._now())
        self._desk.lay(_certificate(answer.body, key, enrolling.digest(csr)))
        self._changed()
        life = self._desk.life()
        log.info("edge_renewed", ends=life.ends.isoformat())
        return life


def _certificate(raw: bytes, key: bytes, csr: str) -> bytes:
    try:
        told = msgspec.json.decode(raw, type=enrolling.Renewed)
        good = told.csr == csr and authority.certifies(told.certificate.encode(), key)
    except (msgspec.MsgspecError, ValueError):
        good = False
    if not good:
        raise refuse(NOT_ABOVE, "certificate", rule="the certificate of the key that asked")
    return told.certificate.encode()
