"""What persons change beside the moves of one transfer: for the console and the command line."""

from __future__ import annotations

from hub.lifecycle import State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.intake import NewTransfer  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.stages import Leave  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value


class Correction(Value, frozen=True):
    """A new transfer that takes the old one's place in its lane. ``new``: its id; ``operation``: what today's format calls it.

    ``tries``: how many tries the old one had when the partner was asked (or the person looked); one more means that
    something left meanwhile. ``asked``: who answered that the partner does not have it: ``partner``, ``person`` or nobody.
    ``more``: ids and operations of further parts that today's format says behind this one; they come right behind it.
    ``leave``: as for a person's moves.
    """

    old: str
    new: str
    operation: str
    expected: State
    tries: int
    reason: str
    by: str
    asked: str = ""
    more: tuple[tuple[str, str], ...] = ()
    leave: Leave | None = None


class Rerouting(Value, frozen=True):
    """What routing says today about the message of a parked transfer. ``rule``: the one that decided.

    ``expected_version``: of the dossier whose story was routed by; ``story``: with the new recipients among those who may
    speak. ``stages``: the edition of the stages that it was routed by; 0: nobody had set one. Keys of ``transfers`` are the store's to number: the same message to the same partner again gets a further generation.
    """

    old: str
    transfers: tuple[NewTransfer, ...]
    rule: str
    reason: str
    by: str
    expected_version: int = 0
    story: bytes = b""
    stages: int = 0


class Merging(Value, frozen=True):
    """``kept`` and ``other``: hub ids; ``story``: of both, decided on the versions that are expected."""

    kept: str
    other: str
    kept_version: int
    other_version: int
    story: bytes
    reason: str
    by: str
    approver: str
