"""What the pool's processes do: verify, parse, translate, sign. Work that holds the interpreter's lock.

A pool process is pure: it has no store and no network. It builds its tools once, from the settings file, and keeps them for
as long as it lives. Batches travel as MessagePack; the first byte of a frame says what kind of work it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from connectors.contract import Envelope, Opened, Sealed
from hub.delivery import sealing
from hub.delivery.sealing import Order, Workbench, Wrap
from hub.intake import intake
from hub.judging.contract import Desk, Inbound, Judged
from hub.processes import logs, memory
from hub.processes.crew import Died, TooLong
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hub.processes.crew import Answer, Works

    Build = Callable[[str], tuple[Desk, Workbench]]

log = structlog.get_logger(__name__)

_JUDGE, _SEAL, _WRAP = b"j", b"s", b"w"


class _Made(msgspec.Struct, array_like=True):
    """One result on its way back: what was made, or what is wrong."""

    judged: Judged | None = None
    sealed: Sealed | None = None
    envelope: Envelope | None = None
    opened: Opened | None = None
    problems: tuple[Problem, ...] = ()


class _Orders(msgspec.Struct, array_like=True):
    """``barred``: fingerprints of certificates whose keys sign nothing any more."""

    barred: frozenset[str]
    orders: tuple[Order, ...]


_encode = msgspec.msgpack.encode
_inbounds = msgspec.msgpack.Decoder(list[Inbound])
_orders = msgspec.msgpack.Decoder(_Orders)
_wraps = msgspec.msgpack.Decoder(Wrap)
_results = msgspec.msgpack.Decoder(list[_Made])


# --- the hub's side -----------------------------------------------------------------------------------------------


def judging(crew: Works, seconds: float | None = None) -> intake.Run:
    """Judge in the crew's processes; ``seconds``: for a batch."""

    async def run(batch: Sequence[Inbound]) -> list[intake.Verdict]:
        told = await crew.ask(_JUDGE + _encode(batch), seconds)
        return [made.judged or Refusal(*made.problems) for made in _results.decode(told)]

    return run


def sealing_in(
    crew: Works, seconds: float | None = None, barred: Callable[[], frozenset[str]] = frozenset
) -> sealing.Run:
    """Seal in the crew's processes; ``seconds``: for a chunk; ``barred``: what a person took out of use, as known now."""

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        told = await crew.ask(_SEAL + _encode(_Orders(barred(), tuple(orders))), seconds)
        return [made.sealed or made.problems[0] for made in _results.decode(told)]

    return run


class Wraps(NamedTuple):
    """Whose envelopes they are; whether we sign, whether we check what comes back; what signs nothing any more, and whom to
    believe, as known now.
    """

    partner: str
    signs: bool
    checks: bool
    barred: Callable[[], frozenset[str]] = frozenset
    vouch: intake.Vouch = intake.believed


class Envelopes:
    """One partner's envelopes, signed and verified in the crew's processes (``connectors.contract.Envelopes``)."""

    def __init__(
        self, crew: Works, wraps: Wraps, now: Callable[[], datetime], seconds: float | None = None
    ) -> None:
        """``seconds``: for one envelope."""
        self._crew, self._wraps, self._now, self._seconds = crew, wraps, now, seconds

    @property
    def signs(self) -> bool:
        return self._wraps.signs

    @property
    def checks(self) -> bool:
        return self._wraps.checks

    async def sign(self, envelope: Envelope) -> Envelope:
        made = await self._ask(envelope, came=False)
        if made.envelope is None:
            raise Refusal(*made.problems)
        return made.envelope

    async def open(self, envelope: Envelope) -> Opened:
        made = await self._ask(envelope, came=True)
        if made.opened is None:
            raise Refusal(*made.problems)
        self._wraps.vouch(self._wraps.partner, made.opened.signer, self._now(), None)
        return made.opened

    async def _ask(self, envelope: Envelope, *, came: bool) -> _Made:
        order = Wrap(self._wraps.partner, envelope, self._now(), came, self._wraps.barred())
        try:
            return _results.decode(await self._crew.ask(_WRAP + _encode(order), self._seconds))[0]
        except (Died, TooLong) as error:
            raise refuse("HUB-INT-002", rule="pool", detail=type(error).__name__) from error


# --- the process's side ---------------------------------------------------------------------------------------------


def begin(build: Build, settings: str) -> Answer:
    """Build the tools; hand it to a ``Crew`` with ``build`` bound."""
    logs.configure(
        process="pool"
    )  # before anything can go wrong: a default logger would print what it was handed
    tools = build(settings)
    memory.settle()
    return answering(*tools)


def answering(desk: Desk, bench: Workbench) -> Answer:
    """Answer frames with these tools, wherever that runs."""
    return partial(_answer, desk, bench)


def _answer(desk: Desk, bench: Workbench, frame: bytes) -> bytes:
    if frame[:1] == _JUDGE:
        return _packed([_told(verdict) for verdict in intake.judge_all(desk, _inbounds.decode(frame[1:]))])
    if frame[:1] == _WRAP:
        wrap = _wraps.decode(frame[1:])
        bench.bars.add(wrap.barred)
        return _packed([_wrapped(sealing.wrap(bench, wrap))])
    asked = _orders.decode(frame[1:])
    bench.bars.add(asked.barred)
    return _packed([_sealed(sealing.seal(bench, order)) for order in asked.orders])


def _told(verdict: intake.Verdict) -> _Made:
    return _Made(problems=verdict.problems) if isinstance(verdict, Refusal) else _Made(judged=verdict)


def _sealed(result: Sealed | Problem) -> _Made:
    return _Made(problems=(result,)) if isinstance(result, Problem) else _Made(sealed=result)


def _wrapped(result: Envelope | Opened | Problem) -> _Made:
    match result:
        case Envelope():
            return _Made(envelope=result)
        case Opened():
            return _Made(opened=result)
        case _:
            return _Made(problems=(result,))


def _packed(made: list[_Made]) -> bytes:
    """What cannot be told (half a surrogate pair in a place) is a defect of that one result."""
    try:
        return _encode(made)
    except UnicodeEncodeError:
        return _encode(
            [one if _tellable(one) else _Made(problems=refuse("HUB-INT-001").problems) for one in made]
        )


def _tellable(made: _Made) -> bool:
    try:
        _encode(made)
    except UnicodeEncodeError:
        log.exception("cannot_be_told")
        return False
    return True
