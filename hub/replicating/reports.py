"""What a hub tells the one above of itself, with each round: small, and never anything of a message, a dossier or a person.

Those below it stand in its own report, so that the top sees every hub; a report is bounded, and one that is malformed is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003

import msgspec

from hub.replicating.manifest import Value
from schemas.problems import refuse

MALFORMED = "HUB-EDG-046"
LARGEST = 256 << 10
MOST_BELOW = 500
DEEPEST = 3


class Report(Value, frozen=True):
    """``epoch``: of the batches upwards. ``stands``, ``known``: numbers of the version that stands there and of the newest one it has.
    ``queue``: transfers by state, trials left out; ``up``: what waits for the hub above, since ``up_since``. ``ahead``: seconds that the hub above
    is ahead of its clock. ``broken``: rules of conservation that do not hold. ``ends``: when its hub certificate does.
    ``figures``: digests of published periods. ``below``: what those below it told last.
    """

    hub: str
    at: datetime
    software: str
    partner: str = ""
    epoch: int = 1
    stands: int = 0
    known: int = 0
    problem: str = ""
    queue: Mapping[str, int] = {}
    oldest: datetime | None = None
    up: int = 0
    up_since: datetime | None = None
    disk_free: int = 0
    ahead: float = 0.0
    broken: tuple[str, ...] = ()
    ends: datetime | None = None
    figures: Mapping[str, str] = {}
    below: tuple[Report, ...] = ()
    v: int = 1


def to_json(report: Report) -> bytes:
    return msgspec.json.encode(report, order="deterministic")


def read(raw: bytes) -> Report:
    """Raises ``Refusal`` HUB-EDG-046."""
    if len(raw) > LARGEST:
        raise refuse(MALFORMED, "report", rule=f"at most {LARGEST} bytes")
    try:
        told = msgspec.json.decode(raw, type=Report)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise refuse(
            MALFORMED, "report", rule="a report as the protocol writes it", detail=str(error)[:200]
        ) from None
    if told.v != 1 or any(
        each.tzinfo is None for each in (told.at, told.oldest, told.up_since, told.ends) if each
    ):
        raise refuse(MALFORMED, "report", rule="a report as the protocol writes it")
    if _depth(told) > DEEPEST or _count(told) > MOST_BELOW:
        raise refuse(MALFORMED, "report/below", rule=f"at most {MOST_BELOW} hubs below, {DEEPEST} deep")
    return told


def _depth(told: Report) -> int:
    return 1 + max(map(_depth, told.below), default=0)


def _count(told: Report) -> int:
    return len(told.below) + sum(map(_count, told.below))


def summed(queues: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts by state; what is nothing is left out."""
    total: dict[str, int] = {}
    for each in queues:
        for state, number in each.items():
            total[state] = total.get(state, 0) + number
    return {state: number for state, number in sorted(total.items()) if number}
