"""Log lines: one JSON object each, made of names that are known to hold no personal data.

A line may only carry the keys of ``ALLOWED``; any other key is dropped and its *name* is kept under ``dropped``, so that
a careless call shows in review and never in a log. An exception is told by its type and the lines of code it passed,
not by its words, because words quote values.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import TracebackType

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "logger",
        "process",
        "message",
        "transfer",
        "dossier",
        "partner",
        "sender",
        "recipient",
        "agency",
        "kind",
        "operation",
        "room",
        "stage",
        "worker",
        "token",
        "code",
        "codes",
        "place",
        "rule",
        "line",
        "state",
        "move",
        "outcome",
        "attempt",
        "attempts",
        "count",
        "size",
        "digest",
        "seconds",
        "wait",
        "status",
        "method",
        "route",
        "request",
        "trace",
        "version",
        "file",
        "path",
        "address",
        "port",
        "pid",
        "signal",
        "reason",
        "exit",
        "problem",
        "problems",
        "error",
        "frames",
        "dropped",
    }
)
"""``path`` and ``file`` are the hub's own; ``route`` is the pattern of an address, never the address; ``dossier`` is the hub's id."""

_OURS = ("hub", "connectors", "schemas", "signing")


def only_known(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what might be personal; say that it was dropped."""
    foreign = sorted(key for key in event if key not in ALLOWED)
    for key in foreign:
        del event[key]
    if foreign:
        event["dropped"] = foreign
    return event


def only_types(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn ``exc_info`` into the type of the error and the places in our code that it passed."""
    told = event.pop("exc_info", None)
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["frames"] = frames(error.__traceback__)
    return event


def frames(trace: TracebackType | None) -> list[str]:
    """Return ``hub/intake/intake.py:41 receive`` for every frame of ours; foreign frames are left out but the last."""
    passed = traceback.extract_tb(trace)
    named = [(f"{_short(frame.filename)}:{frame.lineno} {frame.name}", frame.filename) for frame in passed]
    ours = [name for number, (name, file) in enumerate(named) if _is_ours(file) or number == len(named) - 1]
    return ours[-12:]


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _is_ours(path: str) -> bool:
    return any(f"/{room}/" in path for room in _OURS) and "site-packages" not in path


def configure(process: str, stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Make structlog and the standard library's loggers write such lines to ``stream``. Called once per process."""
    told: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
    ]
    guarded: list[structlog.typing.Processor] = [
        only_types,
        only_known,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *told, *guarded],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_foreign, *told],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *guarded],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _named(process: str) -> structlog.typing.Processor:
    def name(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("process", process)
        return event

    return name


def _foreign(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's message is prose that may quote anything: keep who said it and where, not what."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["event"] = "library message"
        event["logger"] = record.name
        event["path"] = f"{_short(record.pathname)}:{record.lineno}"
        if record.exc_info:
            event["exc_info"] = record.exc_info
    return event
