"""A version of a mapping that was proposed is in force when both owners approved these very bytes, and from its day on.

A proposal is a file beside the mappings (``approvals/<id>-<version>.toml``), written by the command line and journaled as it is written.
A version that nobody proposed is in force as soon as a partner's file names it.
"""

from __future__ import annotations

import fcntl
import json
import tomllib
from collections.abc import Callable  # noqa: TC003 - part of a public signature
from contextlib import contextmanager
from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - part of a public signature
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hub.partners.access import day_begins
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.dossier import Message
    from schemas.mapping import Mapping, Opened

FOLDER = "approvals"
LOCK = ".lock"
CHANGED, UNKNOWN, UNAPPROVED = "HUB-CFG-004", "HUB-CFG-005", "HUB-MAP-008"
Side = Literal["hub", "partner"]
SIDES: tuple[Side, ...] = ("hub", "partner")


class State(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    IN_FORCE = "in_force"
    RETIRED = "retired"


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: closed, frozen."""


class Approval(Value, frozen=True):
    """One owner's yes. ``who``: the person who gave it; ``by``: who wrote it down; ``digest``: SHA-256 of what it was given to."""

    side: Side
    who: str
    by: str
    at: datetime
    digest: str


class Proposal(Value, frozen=True):
    """``begins``: the first day, in Vietnam. ``replaces``: what is spoken until then."""

    mapping: str
    replaces: str
    begins: date
    digest: str
    by: str
    at: datetime
    approved: tuple[Approval, ...] = ()


class Standing(Value, frozen=True):
    """Where a proposal stands at a moment. ``missing``: the owners that have not approved these bytes."""

    state: State
    since: datetime
    missing: tuple[Side, ...]
    changed: bool


def name_of(ref: str) -> str:
    return f"{ref.replace('@', '-')}.toml"


def read(file: Path) -> Proposal:
    """Raises ``Refusal`` HUB-CFG-005 for a file that is no proposal."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Proposal)
    except (OSError, ValueError) as error:
        raise refuse(
            UNKNOWN, file.name, rule="a proposal as `mapping propose` writes it", detail=type(error).__name__
        ) from None


def proposals(mappings: Path | None) -> dict[str, Proposal]:
    """Read every proposal beside a site's mappings, by the version that is proposed."""
    found = sorted((mappings / FOLDER).glob("*.toml")) if mappings else []
    return {each.mapping: each for each in map(read, found)}


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let one process at a time read a proposal and write it anew, on whatever machine shares the folder; a lock ends with its process."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def text(proposal: Proposal) -> str:
    lines = [
        "# Written by `lienthong mapping propose` and `approve`; each line of it stands in the journal as well.",
        *(
            f"{key} = {_toml(getattr(proposal, key))}"
            for key in ("mapping", "replaces", "begins", "digest", "by", "at")
        ),
    ]
    for each in proposal.approved:
        lines += [
            "",
            "[[approved]]",
            *(f"{key} = {_toml(value)}" for key, value in msgspec.structs.asdict(each).items()),
        ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:  # noqa: ANN401 - a text, a day or a moment
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value.isoformat()


def standing(proposal: Proposal, digest: str, now: datetime, *, shipped: bool) -> Standing:
    """``digest``: of the version's file as it is now; ``shipped``: it came with the hub, whose owner stands for it."""
    given = {each.side for each in proposal.approved if each.digest == digest}
    missing = tuple(side for side in SIDES if side not in given and not (shipped and side == "hub"))
    since = day_begins(proposal.begins)
    if since is None:
        raise ValueError("a proposal has a day")
    state = State.PROPOSED if missing else State.IN_FORCE if now >= since else State.APPROVED
    stale = any(each.digest != digest for each in proposal.approved)
    return Standing(state=state, since=since, missing=missing, changed=stale or proposal.digest != digest)


class InForce:
    """A version under its own name that speaks as the one before it until its moment; ``since`` ``None``: for as long as this process lives."""

    def __init__(
        self, new: Mapping, old: Mapping, since: datetime | None, now: Callable[[], datetime]
    ) -> None:
        self._new, self._old, self._since, self._now = new, old, since, now

    @property
    def _spoken(self) -> Mapping:
        return self._new if self._since is not None and self._now() >= self._since else self._old

    @property
    def id(self) -> str:
        return self._spoken.id

    @property
    def version(self) -> int:
        return self._spoken.version

    @property
    def media(self) -> Literal["json", "xml"]:
        return self._spoken.media

    @property
    def ref(self) -> str:
        return self._spoken.ref

    def open(self, raw: bytes) -> Opened:
        return self._spoken.open(raw)

    def natural_key(self, raw: bytes) -> str | None:
        return self._spoken.natural_key(raw)

    def operations(self, message: Message) -> tuple[str, ...]:
        return self._spoken.operations(message)

    def read(self, raw: bytes, sender: str, key: str, agency: str) -> Message:
        return self._spoken.read(raw, sender, key, agency)

    def write(self, operation: str, message: Message, key: str) -> bytes:
        return self._spoken.write(operation, message, key)
