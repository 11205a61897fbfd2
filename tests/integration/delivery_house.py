"""A worker's loop for tests: a real store on disk, the real sealing, and partners of a few lines that keep the contract.

    async with house(tmp_path, land=Partner(Refused(reason=NO)), desk=Partner()) as hub:
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.REFUSED)

Messages come from ``desk``, which also receives where it stands among the partners.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Deferred, Delivered, Draft, Outcome, Reason
from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.sealing import Order, Pool, Unsigned, Workbench, seal
from hub.rounds.vigil import Vigil
from hub.store.sqlite.store import open_store
from schemas.dossier import Dossier, Event, Kind, Message, to_json
from schemas.problems import refuse
from tests.store.samples import acceptance, numbered_ids, roomy, transfer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from connectors.contract import Codec, Parcel, Sealed
    from hub.going_live.stages import Stage
    from hub.lifecycle import State
    from hub.metrics.counts import Counts
    from hub.store.contract.delivery import Window
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from schemas.problems import Problem

SENDER = "desk"
NOT_HERE = Deferred(reason=Reason(code="HUB-PAR-003"))
PATIENCE = 20.0

Answer = Outcome | Exception | Callable[["Parcel"], Awaitable[Outcome]]


def now() -> datetime:
    return datetime.now(UTC)


async def _nothing_more(_partner: str, call: Awaitable[Outcome]) -> Outcome:
    return await call


async def until(true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - the store is looked at as another process would
            await asyncio.sleep(0.005)


class Partner:
    """Connector and policy of one partner. ``answers``: what it says to each delivery, the last one for ever.

    ``journal``: keys of what it has; a delivery that it answers with ``Delivered`` is there, one that it is ordered to
    take with an ``answer`` of its own may be put there by that. ``find`` tells the truth unless ``found`` is given.
    """

    def __init__(self, *answers: Answer, found: Answer | None = None, policy: Policy | None = None) -> None:
        self.answers: list[Answer] = list(answers) or [Delivered(reference="77")]
        self.found = found
        self.policy = policy or Policy(schedule=(0.02, 0.02), jitter=0, can_be_asked=True, ask_after=0.02)
        self.journal: list[str] = []
        self.heard: list[tuple[str, Parcel]] = []
        self.codec: Codec = Form()

    @property
    def connector(self) -> Partner:
        return self

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.heard]

    async def deliver(self, parcel: Parcel) -> Outcome:
        self.heard.append(("deliver", parcel))
        outcome = await self._say(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], parcel)
        if isinstance(outcome, Delivered):
            self.journal.append(parcel.key)
        return outcome

    async def find(self, parcel: Parcel) -> Outcome:
        self.heard.append(("find", parcel))
        if self.found is not None:
            return await self._say(self.found, parcel)
        return Delivered(reference="77") if parcel.key in self.journal else NOT_HERE

    async def close(self) -> None:
        """Nothing is open."""

    async def _say(self, answer: Answer, parcel: Parcel) -> Outcome:
        if isinstance(answer, Exception):
            raise answer
        return await answer(parcel) if callable(answer) else answer


class Form:
    """A format that makes other bytes each time it is asked, so that sealing twice would show.

    A message about the subject ``unsayable`` cannot be said in it; about ``poison`` its code breaks.
    """

    def __init__(self) -> None:
        self._made = itertools.count(1)

    def operations(self, _: Message) -> tuple[str, ...]:
        return ("submit",)

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        if message.subject == "unsayable":
            raise refuse("HUB-MAP-002", "/dossier/procedure", rule="a code of the recipient's")
        if message.subject == "poison":
            raise KeyError(message.subject)
        text = f"{operation} {key} {message.event.kind} made {next(self._made)}"
        return Draft(payload=text.encode(), media_type="text/plain", facts={"dossier": "code"})


@dataclass
class House:
    """``store``: the worker's; ``eye``: a second session on the same file, as another process would have."""

    store: Store
    eye: Store
    partners: Mapping[str, Partner]
    bench: Workbench
    pool: Pool
    versions: dict[str, int] = field(default_factory=dict)

    async def accept(
        self,
        message: str,
        *to: str,
        dossier: str | None = None,
        subject: str = "",
        sender: str = SENDER,
        deadline: datetime | None = None,
        stage: Stage = "live",
    ) -> None:
        canonical = to_json(
            Message(
                event=Event(kind=Kind.RECEIVED, at=now()),
                key=f"key-{message}",
                sender=sender,
                agency="000.00.00.H47",
                dossier=Dossier(code=f"code-{dossier}") if dossier else None,
                subject=subject or None,
            )
        )
        lane = dossier or subject or message
        new = acceptance(
            message,
            dossier=dossier,
            version=self.versions.get(lane, 0),
            sender=sender,
            transfers=tuple(
                msgspec.structs.replace(
                    transfer(message, one, 1, subject=lane, deadline=deadline),
                    id=f"{message}.{one}",
                    stage=stage,
                )
                for one in to
            ),
            when=now(),
        )
        self.versions[lane] = self.versions.get(lane, 0) + 1
        await self.store.accept(msgspec.structs.replace(new, canonical=canonical))

    def worker(
        self,
        name: str = "w",
        *,
        lease: float = 10.0,
        attempt_limit: float = 30.0,
        hand: int = 400,
        windows: Callable[[datetime], Sequence[Window]] = lambda _: (),
        hear: Callable[[str, Awaitable[Outcome]], Awaitable[Outcome]] = _nothing_more,
        counts: Counts | None = None,
    ) -> Delivery:
        return Delivery(
            name=name,
            store=self.store,
            sealery=self.pool,
            routes=self.partners,
            codec_of=lambda partner: self.partners[partner].codec if partner in self.partners else None,
            now=now,
            uniform=random.Random(1).uniform,  # noqa: S311 - jitter
            lease=lease,
            attempt_limit=attempt_limit,
            hand=hand,
            windows=windows,
            hear=hear,
            counts=counts,
        )

    def vigil(self) -> Vigil:
        return Vigil(
            store=self.store,
            routes=self.partners,
            codec_of=lambda partner: self.partners[partner].codec if partner in self.partners else None,
            now=now,
        )

    @asynccontextmanager
    async def working(self, delivery: Delivery | None = None) -> AsyncIterator[None]:
        """The loop runs inside; afterwards it was told to stop and has finished."""
        stop = asyncio.Event()
        running = asyncio.create_task((delivery or self.worker()).run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)

    async def view(self, id_: str) -> TransferView:
        found = await self.eye.transfer(id_)
        assert found is not None
        return found

    async def reaches(self, id_: str, *states: State) -> TransferView:
        async def there() -> bool:
            return (await self.view(id_)).state in states

        await until(there)
        return await self.view(id_)

    async def settled(self, id_: str, count: int = 1) -> TransferView:
        """Wait until this many tries are written down."""

        async def there() -> bool:
            return len(await self.attempts(id_)) >= count

        await until(there)
        return await self.view(id_)

    async def attempts(self, id_: str) -> list[tuple[str, str, str]]:
        """Verb, outcome and code of every try."""
        told = [view.attempt for view in await self.eye.attempts(id_)]
        return [(one.verb, one.outcome, one.code) for one in told]


@asynccontextmanager
async def house(
    folder: Path,
    *,
    concurrency: int = 100,
    circuit_waits: tuple[float, ...] = (0.02,),
    **partners: Partner,
) -> AsyncIterator[House]:
    """Open it. Afterwards nothing may have vanished or stand twice."""
    store = open_store(folder / "hub.db", ids=numbered_ids(1))
    eye = open_store(folder / "hub.db", ids=numbered_ids(2))
    bench = Workbench(
        codecs={name: each.codec for name, each in partners.items()},
        sealers=dict.fromkeys(partners, Unsigned()),
    )

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    await store.capacities(
        [
            msgspec.structs.replace(one, circuit_waits=circuit_waits)
            for one in roomy(*partners, concurrency=concurrency)
        ]
    )
    yield House(store, eye, partners, bench, Pool(run))
    broken = await eye.conservation()
    await store.close()
    await eye.close()
    assert not broken
