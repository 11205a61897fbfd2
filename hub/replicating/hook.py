"""What belongs to each round with the hub above beside batches: the newest version is taken, and this hub tells how it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import structlog

from connectors.edge.calling import Trouble
from hub.replicating import reports
from hub.replicating.taking import Took
from hub.rounds.syncing import Broke
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connectors.edge.calling import Client
    from connectors.edge.values import Hello
    from connectors.transport import Answer
    from hub.replicating.reports import Report
    from hub.replicating.taking import Taking

log = structlog.get_logger(__name__)

VERSIONS, REPORT = "/edge/v1/versions", "/edge/v1/report"
UNWRITTEN = "HUB-EDG-043"
SIGNATURE = "X-JWS-Signature"


class Says(Protocol):
    async def __call__(self, problem: str) -> Report:
        """Say how this hub is. ``problem``: why the newest version does not stand here."""
        ...


class Above:
    """The hub above as a source of versions. Raises ``Broke`` for what the line did."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def newest_version(self) -> tuple[bytes, str] | None:
        answer = await self._got(VERSIONS)
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        return answer.body, answer.headers.get(SIGNATURE.lower(), "")

    async def version_file(self, sha256: str) -> bytes:
        return (await self._got(f"{VERSIONS}/{sha256}")).body

    async def _got(self, path: str) -> Answer:
        answer = await self._client.get(path)
        if isinstance(answer, Trouble):
            raise Broke(answer)
        return answer


class Replicating:
    """A hook of the round. ``renew``: called when something else stands now than when the processes read it."""

    def __init__(self, taking: Taking, says: Says, renew: Callable[[], Awaitable[None]]) -> None:
        self._taking, self._says, self._renew = taking, says, renew

    async def __call__(self, client: Client, hello: Hello) -> None:  # noqa: ARG002 - of a round
        """Nothing that is wrong with a version or a report stops the line: it is told, and the version before goes on. Raises ``Broke`` where
        nobody answers at all.
        """
        took = await self._took(client)
        answer = await client.post(REPORT, reports.to_json(await self._says(took.problem)))
        if isinstance(answer, Trouble):
            _answered(answer)
            log.warning("report_refused", code=answer.code, reason=answer.detail)
        if took.changed:
            await self._renew()

    async def _took(self, client: Client) -> Took:
        try:
            return await self._taking.round(Above(client))
        except Refusal as refusal:
            log.warning("version_refused", code=refusal.code, place=refusal.problems[0].place)
            return Took(problem=refusal.code)
        except Broke as broke:
            _answered(broke.trouble)
            log.warning("version_refused", code=broke.trouble.code, reason=broke.trouble.detail)
            return Took(problem=broke.trouble.code)
        except OSError:
            log.exception("version_failed")
            return Took(problem=UNWRITTEN)


def _answered(trouble: Trouble) -> None:
    if not trouble.status:
        raise Broke(trouble)
