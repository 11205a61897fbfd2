"""What the doctor asks of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.store.contract.watching import Inspection
from hub.store.sql import notes
from hub.store.sql.db import many, one, only
from hub.store.sql.journal import mapping
from hub.store.sql.times import SECOND, moment
from hub.story.filling import is_trial

if TYPE_CHECKING:
    from hub.store.sql.db import Db

STUCK_AFTER = 60 * SECOND
WEEK = 7 * 86_400 * SECOND
MOST_LOOKED_AT = 20_000
"""Of the newest messages."""
_STRAYS = """
SELECT coalesce((SELECT a.code FROM alias a WHERE a.dossier=m.dossier ORDER BY a.rank LIMIT 1), m.dossier, m.id), j.facts
FROM message m JOIN journal j ON j.message=m.id AND j.message<>'' AND j.what='accepted' AND j.transfer=''
WHERE m.n>(SELECT coalesce(max(n), 0) FROM message)-? AND m.parts=0 AND m.accepted_at>=? ORDER BY m.n DESC
"""

_YIELDED = """
SELECT coalesce((SELECT a.code FROM alias a WHERE a.dossier=m.dossier ORDER BY a.rank LIMIT 1), m.dossier), g.aside
FROM message m JOIN telling g ON g.dossier=m.dossier AND g.message=m.id
WHERE m.n>(SELECT coalesce(max(n), 0) FROM message)-? AND g.aside<>'' AND m.accepted_at>=? ORDER BY m.n DESC
"""


def inspect(db: Db, by: int, now: int) -> Inspection:
    """``by``: the time by the clock of leases."""
    strays, yielded = _strays(db, now - WEEK), _yielded(db, now - WEEK)
    (stuck,) = only(db, "SELECT count(*) FROM lease WHERE until<?", (by - STUCK_AFTER,))
    newest = one(db, "SELECT at FROM journal ORDER BY seq DESC LIMIT 1")
    return Inspection(
        settings={},
        stuck=stuck,
        newest=moment(newest[0]) if newest else None,
        backup=moment(notes.written(db, "last_backup")),
        strays=len(strays),
        stray=strays[0] if strays else ("", ""),
        yielded=len(yielded),
        yields=yielded[0] if yielded else ("", ""),
    )


def _yielded(db: Db, since: int) -> list[tuple[str, str]]:
    """Dossier and rule, the newest first; what never fitted gave way to nothing."""
    rows = [(name, msgspec.json.decode(aside)) for name, aside in many(db, _YIELDED, (MOST_LOOKED_AT, since))]
    return [(name, why["rule"]) for name, why in rows if why.get("by")]


def _strays(db: Db, since: int) -> list[tuple[str, str]]:
    """Dossier and code, the newest first; what is only tried is none."""
    rows = [(name, mapping(facts)) for name, facts in many(db, _STRAYS, (MOST_LOOKED_AT, since))]
    return [
        (name, facts["quarantine"]) for name, facts in rows if "quarantine" in facts and not is_trial(facts)
    ]
