"""What the hub tells about itself: for metrics, the doctor and the check of conservation."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time

from hub.store.contract.value import Value

Series = tuple[str, tuple[str, ...]]
"""A figure's name and the values of its labels, in the order that ``hub.metrics.catalogue`` gives them."""


class Process(Value, frozen=True):
    """One process of the hub, on any machine. ``role``: web or worker. ``gauges``: what is so now; ``counts``: what only grows."""

    id: str
    host: str
    pid: int
    role: str
    version: str
    since: datetime
    seen: datetime
    gauges: Mapping[str, float] = {}
    counts: Mapping[Series, float] = {}


class Mark(Value, frozen=True):
    """How far a survey has come: which part, and the last key that was looked at."""

    part: int = 0
    after: tuple[str | int, ...] = ()


class Verdict(Value, frozen=True):
    """What a check last said. ``at``: when; ``since``: from when on it said the same; ``broken``: rules, empty when all hold."""

    name: str
    at: datetime
    since: datetime
    seconds: float
    broken: tuple[str, ...] = ()


class Figures(Value, frozen=True):
    """``size``: bytes of the database; ``log``: of the write-ahead log that waits to be taken in, where that is the hub's business."""

    engine: str
    version: str
    size: int
    log: int | None = None


class Inspection(Value, frozen=True):
    """What the doctor asks of a store. ``settings``: the engine's own, by name; ``clock``: the database server's, where it has
    one of its own; ``newest``: time of the last journal row; ``stuck``: leases that ran out a minute ago and are still
    there; ``backup``: when the last one was made; ``strays``: messages of the last week that moved nothing of their dossier and
    went to nobody; ``stray``: the dossier and the code of the newest. ``yielded``: messages of the last week that gave way to
    a concurrent one of another hub; ``yields``: the dossier and the rule of the newest.
    """

    settings: Mapping[str, str]
    stuck: int
    clock: datetime | None = None
    newest: datetime | None = None
    backup: datetime | None = None
    strays: int = 0
    stray: tuple[str, str] = ("", "")
    yielded: int = 0
    yields: tuple[str, str] = ("", "")
