"""From facts to findings: one small pure function for each thing that an operator would look at."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.deadlines.calendar import VIETNAM
from hub.doctor.facts import Finding
from hub.doctor.words import OF_TRUST
from hub.lifecycle import State
from hub.rounds.watch import SURVEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.doctor.facts import Facts, Opened
    from hub.trust.forecast import Event
    from schemas.problems import Problem

ENDS_SOON = timedelta(days=30)
ALIVE = timedelta(seconds=20)
UNWATCHED = timedelta(minutes=15)
UNCHAINED = timedelta(minutes=10)
TOO_OLD = timedelta(hours=24)
UNFETCHED = timedelta(hours=24)
BACKUP_AGE = timedelta(hours=26)
SKEW = timedelta(seconds=5)
LARGE_LOG = 256 << 20
NEARLY = 0.8
"""Of what the database may have: time to make room."""
ROOM = 4
"""The disk is short when it has less than so many times what intake leaves for the rest."""
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right is before this."""
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph"})
STOPPED = (State.REFUSED, State.PARKED, State.DEAD, State.HELD)
OLDEST = {"sqlite": (3, 51, 3), "postgresql": (15, 0)}
WANTED = {
    "sqlite": {"journal_mode": ("wal",), "synchronous": ("2", "3")},
    "postgresql": {
        "fsync": ("on",),
        "synchronous_commit": ("on", "remote_apply"),
        "full_page_writes": ("on",),
    },
}
"""Values under which a commit that returned is on disk."""


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return everything that is found, the grave first."""
    found = [finding for rule in RULES for finding in rule(facts)]
    if facts.opened:
        found += [finding for look in OF_STORE for finding in look(facts, facts.opened)]
    return tuple(sorted(found, key=lambda finding: not finding.grave))


def _told(id_: str, problems: Sequence[Problem], *, grave: bool = True) -> Iterator[Finding]:
    for problem in problems:
        place = f"{problem.place} ({problem.line})" if problem.line else problem.place
        values = {"code": problem.code, "place": place, "name": problem.place, "rule": problem.rule}
        yield Finding(id=id_, grave=grave, values={**values, "detail": problem.detail})


def _declared(facts: Facts) -> Iterator[Finding]:
    yield from _told("settings", facts.declared.problems)
    yield from _told("tools", facts.declared.tools)
    yield from _told("key-weak", facts.declared.weak, grave=False)
    yield from _told("store", facts.shut)


def _certificates(facts: Facts) -> Iterator[Finding]:
    for certificate in facts.declared.certificates:
        left = certificate.ends - facts.machine.now
        if left <= timedelta():
            yield Finding(id="certificate-ended", grave=True, values={"name": certificate.name})
        elif left < ENDS_SOON:
            values = {"name": certificate.name, "days": str(left.days)}
            yield Finding(id="certificate-ends", grave=False, values=values)


def _legacy(facts: Facts) -> Iterator[Finding]:
    """SHA-1 is said from the first day on: whoever allowed it should know what for, and until when."""
    today = facts.machine.now.astimezone(VIETNAM).date()
    for legacy in facts.declared.legacy:
        ended = legacy.until < today
        values = {"partner": legacy.partner, "until": legacy.until.isoformat()}
        yield Finding(id="sha1-ended" if ended else "sha1", grave=False, values=values)


def _folder(facts: Facts) -> Iterator[Finding]:
    folder = facts.folder
    if folder is None:
        return
    if not folder.writable:
        yield Finding(id="data-folder", grave=True, values={"path": folder.path, "what": "read-only"})
    if folder.mode & 0o077:
        what = {"path": folder.path, "what": f"mode {folder.mode:04o}"}
        yield Finding(id="data-folder", grave=False, values=what)
    if folder.free < ROOM * facts.declared.disk_free:
        values = {"free": str(folder.free), "wanted": str(ROOM * facts.declared.disk_free)}
        yield Finding(id="disk-short", grave=folder.free < facts.declared.disk_free, values=values)
    if facts.declared.embedded and folder.kind in NETWORK:
        yield Finding(id="network-disk", grave=True, values={"kind": folder.kind})


def _machine(facts: Facts) -> Iterator[Finding]:
    if facts.machine.now < BUILT:
        yield Finding(id="clock-wrong", grave=True, values={"now": facts.machine.now.isoformat()})
    wanted = facts.declared.connections + 256
    if facts.machine.files < wanted:
        values = {"limit": str(facts.machine.files), "wanted": str(wanted)}
        yield Finding(id="few-files", grave=False, values=values)
    for setting, address in facts.machine.taken:
        yield Finding(id="port-taken", grave=True, values={"setting": setting, "address": address})


def _scanner(facts: Facts) -> Iterator[Finding]:
    if facts.scanner is not None:
        values = {"address": facts.scanner.address, "why": facts.scanner.why}
        yield Finding(id="scanner-silent", grave=True, values=values)


def _unreached(facts: Facts) -> Iterator[Finding]:
    for one in facts.unreached:
        values = {"partner": one.partner, "address": one.address, "why": one.why}
        yield Finding(id="unreachable", grave=True, values=values)


def _store_settings(_: Facts, opened: Opened) -> Iterator[Finding]:
    engine = opened.figures.engine
    for name, good in WANTED[engine].items():
        value = opened.inspection.settings.get(name, "")
        if value not in good:
            values = {"engine": engine, "name": name, "value": value, "wanted": good[0]}
            yield Finding(id="store-setting", grave=True, values=values)
    if _number(opened.figures.version) < OLDEST[engine]:
        wanted = ".".join(map(str, OLDEST[engine]))
        values = {"engine": engine, "version": opened.figures.version, "wanted": wanted}
        yield Finding(id="store-version", grave=True, values=values)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _clocks(facts: Facts, opened: Opened) -> Iterator[Finding]:
    now = facts.machine.now
    clock, newest = opened.inspection.clock, opened.inspection.newest
    if clock is not None and abs(clock - now) > SKEW:
        seconds = f"{(now - clock).total_seconds():.0f}"
        yield Finding(id="clock-skew", grave=True, values={"seconds": seconds, "than": "the database"})
    if newest is not None and newest - now > SKEW:
        seconds = f"{(now - newest).total_seconds():.0f}"
        yield Finding(id="clock-skew", grave=True, values={"seconds": seconds, "than": "the journal"})


def _processes(facts: Facts, opened: Opened) -> Iterator[Finding]:
    living = [process for process in opened.processes if facts.machine.now - process.seen < ALIVE]
    roles = {process.role for process in living}
    for role in ("web", "worker"):
        if role not in roles:
            yield Finding(id="no-process", grave=True, values={"role": role})
    versions = sorted({process.version for process in living})
    if len(versions) > 1:
        yield Finding(id="versions-differ", grave=False, values={"versions": ", ".join(versions)})


def _conservation(facts: Facts, opened: Opened) -> Iterator[Finding]:
    for verdict in opened.verdicts:
        for rule in verdict.broken:
            yield Finding(id="conservation", grave=True, values={"rule": rule})
        age = facts.machine.now - verdict.at
        if verdict.name == SURVEY and age > UNWATCHED + timedelta(seconds=2 * verdict.seconds):
            minutes = str(int(age.total_seconds() // 60))
            yield Finding(id="unwatched", grave=False, values={"minutes": minutes})


def _evidence(facts: Facts, opened: Opened) -> Iterator[Finding]:
    since = opened.evidence.unchained if opened.evidence else None
    if since is not None and facts.machine.now - since > UNCHAINED:
        minutes = str(int((facts.machine.now - since).total_seconds() // 60))
        yield Finding(id="unchained", grave=False, values={"minutes": minutes})


def _staged(facts: Facts, opened: Opened) -> Iterator[Finding]:
    """Who went live when is what the journal is asked for in a dispute."""
    if opened.staged and not facts.declared.signs:
        yield Finding(id="unsigned", grave=False, values={"count": str(opened.staged)})


def _queue(facts: Facts, opened: Opened) -> Iterator[Finding]:
    for row in opened.queue:
        name = {"partner": row.partner}
        if row.paused:
            yield Finding(id="paused", grave=False, values=name)
        if row.circuit != "closed":
            yield Finding(id="circuit", grave=False, values={**name, "code": row.circuit_code})
        stopped = sum(row.real(state) for state in STOPPED)
        if stopped:
            yield Finding(id="stopped", grave=False, values={**name, "count": str(stopped)})
        if row.oldest and facts.machine.now - row.oldest > TOO_OLD:
            hours = str(int((facts.machine.now - row.oldest).total_seconds() // 3600))
            yield Finding(id="oldest", grave=False, values={**name, "hours": hours})
        if row.unfetched and facts.machine.now - row.unfetched > UNFETCHED:
            hours = str(int((facts.machine.now - row.unfetched).total_seconds() // 3600))
            yield Finding(id="unfetched", grave=False, values={**name, "hours": hours})


def _collected(facts: Facts, opened: Opened) -> Iterator[Finding]:
    for one in opened.collected:
        silent = (facts.machine.now - one.good_at).total_seconds() if one.good_at else 0.0
        if silent > one.alarm_after:
            values = {"partner": one.partner, "minutes": str(int(silent // 60)), "code": one.code or "–"}
            yield Finding(id="not-collected", grave=True, values=values)


def _edges(_: Facts, opened: Opened) -> Iterator[Finding]:
    for worry in opened.edges:
        values = {**worry.values, "partner": worry.partner}
        yield Finding(
            id=f"edge-{worry.what}", grave=worry.what in {"stands", "broken", "halted"}, values=values
        )


def _strays(_: Facts, opened: Opened) -> Iterator[Finding]:
    inspection = opened.inspection
    if inspection.strays:
        dossier, code = inspection.stray
        values = {"count": str(inspection.strays), "dossier": dossier, "code": code}
        yield Finding(id="strays", grave=False, values=values)


def _yielded(_: Facts, opened: Opened) -> Iterator[Finding]:
    inspection = opened.inspection
    if inspection.yielded:
        dossier, rule = inspection.yields
        values = {"count": str(inspection.yielded), "dossier": dossier, "rule": rule}
        yield Finding(id="yielded", grave=False, values=values)


def _store_health(facts: Facts, opened: Opened) -> Iterator[Finding]:
    inspection, log = opened.inspection, opened.figures.log
    most, size = facts.declared.database, opened.figures.size + (log or 0)
    if most is not None and size > most * NEARLY:
        values = {"size": str(size), "most": str(most)}
        yield Finding(id="database-large", grave=size > most, values=values)
    if inspection.stuck:
        yield Finding(id="stuck-lease", grave=True, values={"count": str(inspection.stuck)})
    if log is not None and log > LARGE_LOG:
        yield Finding(id="large-log", grave=False, values={"size": str(log)})
    if inspection.backup is None:
        yield Finding(id="no-backup", grave=False)
    elif facts.machine.now - inspection.backup > BACKUP_AGE:
        hours = str(int((facts.machine.now - inspection.backup).total_seconds() // 3600))
        yield Finding(id="old-backup", grave=False, values={"hours": hours})


def finding_of(event: Event, now: datetime) -> Finding:
    """What is foreseen, as a finding: grave when somebody has stopped for it."""
    values = {
        "name": event.name,
        "partners": ", ".join(event.partners),
        "detail": event.detail,
        "day": event.at.astimezone(VIETNAM).strftime("%d/%m/%Y"),
        "stops": event.stops.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M") if event.stops else "",
    }
    return Finding(id=OF_TRUST + event.kind, grave=event.stopped(now), values=values)


TOLD_ELSEWHERE = frozenset({"key-ends", "pin-ends", "officer-ends", "key-begins", "sha1-ends"})
"""Certificates that end are looked at one by one, whether the store can be opened or not."""


def _trust(facts: Facts, opened: Opened) -> Iterator[Finding]:
    for event in opened.trust:
        if event.kind not in TOLD_ELSEWHERE:
            yield finding_of(event, facts.machine.now)


RULES: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    _declared,
    _certificates,
    _legacy,
    _folder,
    _machine,
    _scanner,
    _unreached,
)
OF_STORE: tuple[Callable[[Facts, Opened], Iterator[Finding]], ...] = (
    _store_settings,
    _clocks,
    _processes,
    _conservation,
    _evidence,
    _staged,
    _queue,
    _collected,
    _edges,
    _strays,
    _yielded,
    _store_health,
    _trust,
)
