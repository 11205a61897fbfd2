"""Encode, validate and sign a transfer once; its bytes never change again.

Pure CPU: XML and signatures hold the interpreter's lock, so all of it runs in a pool of processes. A pool process
builds its bench of codecs and sealers once, from a description that can be pickled; keys are loaded there, once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from connectors.contract import Answers, Encloses, Envelope, Numbers, Opened, Relayed, Relays, Sealed
from hub.documents.contract import Waits
from hub.processes.crew import Died, TooLong
from hub.story.filling import Earlier, Filled, fill
from schemas.dossier import from_json
from schemas.problems import Problem, Refusal
from signing.contract import Wire
from signing.keys.generations import NONE_SIGNS, Bars
from signing.keys.token import SILENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from connectors.contract import Codec, Draft, Sealer
    from hub.store.contract.delivery import Work
    from schemas.dossier import Message
    from signing.contract import Signer, Verifier

log = structlog.get_logger(__name__)

CHUNK = 8
"""Transfers per call into the pool: enough to make the way there cheap, few enough to keep every core busy."""
KEY_SECONDS = 30.0
"""Until a key that could not sign is asked again."""
_PASSES = frozenset({NONE_SIGNS, SILENT})
TRIES_ALONE = 2
"""A process may die for another's sake once; one that dies twice over the same message died of it."""


class Order(msgspec.Struct, frozen=True):
    """What the pool needs to seal one transfer. ``contents``: documents that travel inside it, by SHA-256. ``number``, ``at``: the
    transfer's own number, and when its message was accepted. ``opened``: what the partner itself opened the dossier with, where it wants answers to that.
    ``earlier``: what the dossier said before, where the message alone does not say all that the partner requires. ``relayed``: where it stands in its dossier,
    where the partner is another hub.
    """

    transfer: str
    partner: str
    operation: str
    key: str
    canonical: bytes
    contents: Mapping[str, bytes] = {}
    number: int = 0
    at: datetime = datetime.fromtimestamp(0, UTC)
    opened: bytes = b""
    earlier: tuple[Earlier, ...] = ()
    relayed: Relayed | None = None


class Wrap(msgspec.Struct, frozen=True):
    """What the pool needs to sign one envelope, or to verify one that ``came``; ``at``: now; ``barred``: what signs no more."""

    partner: str
    envelope: Envelope
    at: datetime
    came: bool = False
    barred: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wrapping:
    """How one partner's envelopes are signed and its replies are verified; ``None``: they are not."""

    signer: Signer | None = None
    verifier: Verifier | None = None


class Says(Protocol):
    """The mapping that speaks to a partner; which version that is may change with the day."""

    @property
    def ref(self) -> str: ...


@dataclass(frozen=True)
class Workbench:
    """A pool process's tools, by partner: the codec that says it, the sealer that signs it, what its envelopes need, the mapping
    that all of it goes by. ``bars``: what signs no more.
    """

    codecs: Mapping[str, Codec]
    sealers: Mapping[str, Sealer]
    wrappings: Mapping[str, Wrapping] = field(default_factory=dict)
    says: Mapping[str, Says] = field(default_factory=dict)
    bars: Bars = field(default_factory=Bars)


def _order(work: Work) -> Order:
    return Order(
        work.transfer,
        work.partner,
        work.operation,
        work.key,
        work.canonical,
        work.contents,
        work.number,
        work.accepted_at,
        work.opened,
        work.earlier,
        work.relayed,
    )


def seal(bench: Workbench, order: Order) -> Sealed | Problem:
    """Make the sealed bytes, or say why they cannot be made: a configuration error, or a defect of ours that one
    message met. Either parks that transfer and no other.
    """
    codec, sealer = bench.codecs.get(order.partner), bench.sealers.get(order.partner)
    if codec is None or sealer is None:
        return Problem(code="HUB-CFG-001", detail=order.partner)
    try:
        whole = _whole(order)
        sealed = sealer.seal(_draft(codec, order, whole.message))
        if whole.taken:
            sealed = msgspec.structs.replace(sealed, taken=whole.taken)
        said = bench.says.get(order.partner)
        return msgspec.structs.replace(sealed, says=said.ref) if said else sealed
    except Refusal as refusal:
        return refusal.problems[0]
    except Exception as error:
        log.exception("sealing_failed", transfer=order.transfer, partner=order.partner)
        return Problem(code="HUB-INT-001", detail=type(error).__name__)


def _whole(order: Order) -> Filled:
    """The message with what it leaves out and its dossier said before."""
    message = from_json(order.canonical)
    return fill(message, order.earlier) if order.earlier else Filled(message, {})


def _draft(codec: Codec, order: Order, message: Message) -> Draft:
    if order.opened and isinstance(codec, Answers):
        answer = codec.answer(message, order.opened)
        if answer is not None:
            return answer
    draft = codec.encode(order.operation, message, order.key)
    if isinstance(codec, Numbers):
        draft = codec.number(draft, order.number, order.at)
    if order.relayed is not None and isinstance(codec, Relays):
        draft = codec.relay(draft, order.relayed)
    return codec.enclose(draft, order.contents) if isinstance(codec, Encloses) else draft


def wrap(bench: Workbench, order: Wrap) -> Envelope | Opened | Problem:
    """Sign an envelope, or verify one that came."""
    found = bench.wrappings.get(order.partner, Wrapping())
    told = order.envelope
    wire = Wire(body=told.body, headers=told.headers, method=told.method, target=told.target, id=told.id)
    try:
        if order.came and found.verifier is not None:
            verified = found.verifier.verify(wire, order.at)
            return Opened(
                payload=verified.payload,
                signer=verified.signer.fingerprint,
                claims=verified.claims,
                profile=verified.profile,
            )
        if not order.came and found.signer is not None:
            signed = found.signer.sign(wire, order.at)
            return msgspec.structs.replace(
                told, body=signed.body, headers=signed.headers, signer=signed.signer
            )
    except Refusal as refusal:
        return refusal.problems[0]
    except Exception as error:
        log.exception("wrapping_failed", partner=order.partner)
        return Problem(code="HUB-INT-001", detail=type(error).__name__)
    return Problem(code="HUB-CFG-001", detail=order.partner)


class Run(Protocol):
    """Seal orders. Raises ``Died`` or ``TooLong`` with nothing sealed."""

    def __call__(self, orders: Sequence[Order]) -> Awaitable[list[Sealed | Problem]]: ...


class Pool:
    """The hub's side of the sealing pool. ``run`` seals orders somewhere else (``hub.processes.pool.sealing_in``).

    When a pool process dies, what it had is done again one by one, so that the message that kills it parks alone.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._alone = asyncio.Lock()

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        orders = [_order(work) for work in works]
        chunks = [orders[start : start + CHUNK] for start in range(0, len(orders), CHUNK)]
        made = await asyncio.gather(*(self._seal(chunk) for chunk in chunks))
        return {
            order.transfer: _or_waits(result)
            for chunk, results in zip(chunks, made, strict=True)
            for order, result in zip(chunk, results, strict=True)
        }

    async def _seal(self, chunk: Sequence[Order]) -> list[Sealed | Problem]:
        try:
            return await self._run(chunk)
        except (Died, TooLong):
            log.warning("sealing_pool_died", count=len(chunk))
            return [await self._seal_alone(order) for order in chunk]

    async def _seal_alone(self, order: Order) -> Sealed | Problem:
        for _ in range(TRIES_ALONE):
            with contextlib.suppress(Died):
                async with self._alone:
                    try:
                        return (await self._run([order]))[0]
                    except TooLong:
                        break
        log.error("sealing_kills_the_pool", transfer=order.transfer, partner=order.partner)
        return Problem(code="HUB-INT-001", detail="its pool process died or was stopped")


def _or_waits(result: Sealed | Problem) -> Sealed | Problem | Waits:
    """What passes by itself, or once somebody has mended the hub, parks nothing."""
    if isinstance(result, Problem) and result.code in _PASSES:
        return Waits(code=result.code, place=result.place, seconds=KEY_SECONDS)
    return result


# --- sealers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unsigned:
    """For a partner whose file asks for no signature."""

    def seal(self, draft: Draft) -> Sealed:
        return Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)


@dataclass(frozen=True)
class Signs:
    """For a partner whose file says how: what the signer adds is sealed with the payload."""

    signer: Signer
    now: Callable[[], datetime]

    def seal(self, draft: Draft) -> Sealed:
        signed = self.signer.sign(Wire(body=draft.payload, canonical=draft.canonical), self.now())
        return Sealed(
            payload=signed.body,
            media_type=draft.media_type,
            headers=signed.headers,
            facts=draft.facts,
            signer=signed.signer,
        )
