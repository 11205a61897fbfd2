"""What the pool's processes do: verify, parse, translate, sign. Work that holds the interpreter's lock.

A pool process is pure: it has no store and no network. It builds its tools once, from the settings file, and keeps them for
as long as it lives. Batches travel as MessagePack; the first byte of a frame says what kind of work it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
import structlog

from connectors.contract import Sealed  # noqa: TC001 - msgspec reads the annotations at run time
from hub import intake, logs, memory, sealing
from hub.judge import Desk, Inbound, Judged
from hub.sealing import Order, Workbench
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.crew import Answer, Crew

    Build = Callable[[str], tuple[Desk, Workbench]]

log = structlog.get_logger(__name__)

_JUDGE, _SEAL = b"j", b"s"


class _Made(msgspec.Struct, array_like=True):
    """One result on its way back: what was made, or what is wrong."""

    judged: Judged | None = None
    sealed: Sealed | None = None
    problems: tuple[Problem, ...] = ()


_encode = msgspec.msgpack.encode
_inbounds = msgspec.msgpack.Decoder(list[Inbound])
_orders = msgspec.msgpack.Decoder(list[Order])
_results = msgspec.msgpack.Decoder(list[_Made])


# --- the hub's side -----------------------------------------------------------------------------------------------


def judging(crew: Crew, seconds: float | None = None) -> intake.Run:
    """Judge in the crew's processes; ``seconds``: for a batch."""

    async def run(batch: Sequence[Inbound]) -> list[intake.Verdict]:
        told = await crew.ask(_JUDGE + _encode(batch), seconds)
        return [made.judged or Refusal(*made.problems) for made in _results.decode(told)]

    return run


def sealing_in(crew: Crew, seconds: float | None = None) -> sealing.Run:
    """Seal in the crew's processes; ``seconds``: for a chunk."""

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        told = await crew.ask(_SEAL + _encode(orders), seconds)
        return [made.sealed or made.problems[0] for made in _results.decode(told)]

    return run


# --- the process's side ---------------------------------------------------------------------------------------------


def begin(build: Build, settings: str) -> Answer:
    """Build the tools; hand it to a ``Crew`` with ``build`` bound."""
    logs.configure(
        process="pool"
    )  # before anything can go wrong: a default logger would print what it was handed
    desk, bench = build(settings)
    memory.settle()
    return partial(_answer, desk, bench)


def _answer(desk: Desk, bench: Workbench, frame: bytes) -> bytes:
    if frame[:1] == _JUDGE:
        return _packed([_told(verdict) for verdict in intake.judge_all(desk, _inbounds.decode(frame[1:]))])
    return _packed([_sealed(sealing.seal(bench, order)) for order in _orders.decode(frame[1:])])


def _told(verdict: intake.Verdict) -> _Made:
    return _Made(problems=verdict.problems) if isinstance(verdict, Refusal) else _Made(judged=verdict)


def _sealed(result: Sealed | Problem) -> _Made:
    return _Made(problems=(result,)) if isinstance(result, Problem) else _Made(sealed=result)


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
