"""What continuous checks last said; what changes is journaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.contract.watching import Verdict
from hub.store.sql import journal
from hub.store.sql.db import one
from hub.store.sql.times import micros, moment

if TYPE_CHECKING:
    from hub.store.sql.db import Db

_KEEP = """
INSERT INTO verdict(name, at, since, seconds, broken) VALUES(?,?,?,?,?)
ON CONFLICT(name) DO UPDATE SET at=excluded.at, since=excluded.since, seconds=excluded.seconds, broken=excluded.broken
"""


def judge(db: Db, verdict: Verdict) -> Verdict:
    before = last(db, verdict.name)
    same = before is not None and bool(before.broken) == bool(verdict.broken)
    since = before.since if same and before else verdict.at
    if not same and (before is not None or verdict.broken):
        said = "broken" if verdict.broken else "whole"
        facts = {"rules": str(len(verdict.broken)), "first": verdict.broken[0] if verdict.broken else ""}
        journal.write(db, micros(verdict.at), f"{verdict.name}_{said}", facts=facts)
    stored = msgspec.json.encode(verdict.broken).decode()
    db.execute(_KEEP, (verdict.name, micros(verdict.at), micros(since), verdict.seconds, stored))
    return msgspec.structs.replace(verdict, since=since)


def last(db: Db, name: str) -> Verdict | None:
    row = one(db, "SELECT at, since, seconds, broken FROM verdict WHERE name=?", (name,))
    if row is None:
        return None
    at, since, seconds, broken = row
    return Verdict(
        name=name,
        at=moment(at),
        since=moment(since),
        seconds=float(seconds),
        broken=msgspec.json.decode(broken, type=tuple[str, ...]),
    )
