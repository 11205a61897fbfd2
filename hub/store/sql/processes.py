"""Who works, and what all of them counted. A process that is gone leaves its counts behind, so that sums never fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.contract.watching import Process
from hub.store.sql.db import many, one
from hub.store.sql.times import SECOND, micros, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.store.contract.watching import Series
    from hub.store.sql.db import Db

GONE_AFTER = 60
"""Seconds of silence after which a process counts as gone; one that was only stopped says hello again as a new one."""
_TOLD_TOGETHER = 50

_COLUMNS = "id, host, pid, role, version, since, seen, gauges, counts"


def _counts(stored: str) -> dict[Series, float]:
    rows = msgspec.json.decode(stored, type=list[tuple[str, tuple[str, ...], float]])
    return {(name, labels): value for name, labels, value in rows}


def _stored(counts: Mapping[Series, float]) -> str:
    return msgspec.json.encode([(name, labels, value) for (name, labels), value in counts.items()]).decode()


def beat(db: Db, process: Process, now: int, *, first: bool) -> bool:
    """Say that it lives and what it counted. False: its row is gone and its counts are with those of the dead."""
    gauges = msgspec.json.encode(process.gauges).decode()
    if first:
        db.execute(
            f"INSERT INTO process({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?)",
            (
                *(process.id, process.host, process.pid, process.role, process.version),
                *(micros(process.since), now, gauges, _stored(process.counts)),
            ),
        )
    else:
        db.execute(
            "UPDATE process SET seen=?, gauges=?, counts=? WHERE id=?",
            (now, gauges, _stored(process.counts), process.id),
        )
        if not db.changes():
            return False
    _bury(db, now)
    return True


def leave(db: Db, process: str) -> None:
    """It ends as it should: keep what it counted, forget the rest."""
    for (counts,) in many(db, "DELETE FROM process WHERE id=? RETURNING counts", (process,)):
        _keep(db, _counts(counts))


def _bury(db: Db, now: int) -> None:
    dead = many(
        db,
        "SELECT id, seen FROM process WHERE seen<? ORDER BY id LIMIT ?",
        (now - GONE_AFTER * SECOND, _TOLD_TOGETHER),
    )
    for id_, seen in dead:
        row = one(db, "DELETE FROM process WHERE id=? AND seen=? RETURNING counts", (id_, seen))
        if row is not None:  # nobody else was quicker, and it has not spoken meanwhile
            _keep(db, _counts(row[0]))


def _keep(db: Db, counts: Mapping[Series, float]) -> None:
    for (name, labels), value in sorted(counts.items()):
        db.execute(
            "INSERT INTO counted(name, labels, value) VALUES(?,?,?)"
            " ON CONFLICT(name, labels) DO UPDATE SET value=counted.value+excluded.value",
            (name, msgspec.json.encode(labels).decode(), value),
        )


def living(db: Db) -> tuple[Process, ...]:
    rows = many(db, f"SELECT {_COLUMNS} FROM process ORDER BY role, host, pid")  # noqa: S608 - constant columns
    return tuple(
        Process(
            id=id_,
            host=host,
            pid=pid,
            role=role,
            version=version,
            since=moment(since),
            seen=moment(seen),
            gauges=msgspec.json.decode(gauges, type=dict[str, float]),
            counts=_counts(counts),
        )
        for id_, host, pid, role, version, since, seen, gauges, counts in rows
    )


def counted(db: Db, processes: Iterable[Process]) -> dict[Series, float]:
    """Add up what the living and the dead counted, in one snapshot."""
    rows = db.execute("SELECT name, labels, value FROM counted")
    found = {
        (name, msgspec.json.decode(labels, type=tuple[str, ...])): float(value)
        for name, labels, value in rows
    }
    for process in processes:
        for series, value in process.counts.items():
            found[series] = found.get(series, 0.0) + value
    return found
