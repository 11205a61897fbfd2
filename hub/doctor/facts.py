"""What the doctor looks at, gathered once; the rules are pure and see nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003

import msgspec

from hub.evidence.contract import Standing  # noqa: TC001
from hub.replicating.board import Worry  # noqa: TC001
from hub.store.contract.views import QueueRow  # noqa: TC001
from hub.store.contract.watching import Figures, Inspection, Process, Verdict  # noqa: TC001
from hub.trust.forecast import Event  # noqa: TC001
from schemas.problems import Problem  # noqa: TC001


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``id``: a name of ``findings.toml``. ``grave``: must be mended; otherwise worth knowing. ``values``: for its places."""

    id: str
    grave: bool
    values: Mapping[str, str] = {}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ends: datetime


class Legacy(msgspec.Struct, frozen=True, kw_only=True):
    """A partner whose signatures may use SHA-1. ``until``: the last day, in Vietnam."""

    partner: str
    until: date


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: of the file system; ``mode``: permission bits."""

    path: str
    writable: bool
    mode: int
    free: int
    kind: str


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """``files``: how many may be open; ``taken``: settings and addresses of ours that somebody else has."""

    now: datetime
    files: int
    taken: Sequence[tuple[str, str]] = ()


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """``problems``: of settings and partner files; ``tools``: why the pool does not start; ``weak``: of the keys;
    ``database``: bytes that it may have; ``signs``: whether the settings name a key for what the hub itself writes down.
    """

    problems: Sequence[Problem] = ()
    tools: Sequence[Problem] = ()
    weak: Sequence[Problem] = ()
    certificates: Sequence[Certificate] = ()
    legacy: Sequence[Legacy] = ()
    embedded: bool = True
    disk_free: int = 0
    database: int | None = None
    connections: int = 0
    signs: bool = True


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """A partner that is picked up from. ``good_at``: when that last went well, or since when it does not; ``None``: never tried.
    ``alarm_after``: seconds.
    """

    partner: str
    alarm_after: float
    good_at: datetime | None = None
    code: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The store, when it could be opened. ``trust``: what is foreseen (``hub.trust.forecast``). ``staged``: stages that persons set.
    ``edges``: what a person should know of hubs below.
    """

    figures: Figures
    inspection: Inspection
    queue: Sequence[QueueRow] = ()
    processes: Sequence[Process] = ()
    verdicts: Sequence[Verdict] = ()
    trust: Sequence[Event] = ()
    evidence: Standing | None = None
    collected: Sequence[Collected] = ()
    staged: int = 0
    edges: Sequence[Worry] = ()


class Unreached(msgspec.Struct, frozen=True, kw_only=True):
    partner: str
    address: str
    why: str


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A malware scanner that does not answer."""

    address: str
    why: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """``shut``: why the store could not be opened; ``unreached``: partners, where the network was asked;
    ``scanner``: the malware scanner, where one is declared and silent.
    """

    machine: Machine
    declared: Declared
    folder: Folder | None = None
    opened: Opened | None = None
    shut: Sequence[Problem] = ()
    unreached: Sequence[Unreached] = ()
    scanner: Silent | None = None
