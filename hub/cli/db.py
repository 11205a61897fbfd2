"""``lienthong db …`` and ``lienthong key …``: looking after the store. What is done stands in the wiring; here it is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from hub.cli import reading, show
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.cli.desk import Desk
    from hub.cli.opening import Keeping

_STEP = 1024


def readable(octets: int) -> str:
    """``3.4 MB``: binary steps, as in the settings."""
    size = float(octets)
    for unit in ("B", "KB", "MB", "GB"):
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} TB"


def _octets(key: str, of: Any) -> show.Column[Any]:  # noqa: ANN401 - reads from any of the rows below
    return show.Column(key, of, lambda row, _: "" if of(row) is None else readable(of(row)))


def _moment(written: str) -> datetime | None:
    """A mark's time as a time, so that it is shown like every other."""
    return datetime.fromisoformat(written) if written else None


STATUS: tuple[show.Column[Any], ...] = (
    show.Column("engine", lambda row: row.figures.engine),
    show.Column("place", lambda row: row.figures.place),
    show.Column("schema", lambda row: row.schema),
    show.Column("pending", lambda row: row.newest - row.schema),
    _octets("size", lambda row: row.figures.size),
    _octets("free", lambda row: row.figures.free),
    _octets("log", lambda row: row.figures.log),
    show.Column("files", lambda row: row.blobs),
    _octets("file_bytes", lambda row: row.blob_bytes),
    show.Column("oldest", lambda row: row.oldest),
    show.Column("journal_from", lambda row: row.first_journal),
    show.Column("last_backup", lambda row: row.backup_at),
    show.Column("backup_file", lambda row: row.backup.get("file", "")),
    show.Column("restored_from", lambda row: _moment(row.restored.get("made_at", ""))),
    show.Column("moved_to", lambda row: row.moved.get("to", "")),
    show.Column("worries", lambda row: list(row.worries), lambda row, _: str(len(row.worries))),
)


def status(*, desk: At) -> int:
    """The exit status says whether there is something to worry about."""
    found = _keeping(desk).status()
    show.card(desk, STATUS, found)
    for worry in found.worries:
        desk.tell(f"worry.{worry}")
    return Exit.FOUND if found.worries else Exit.OK


def migrate(*, desk: At) -> int:
    before, after = _keeping(desk).migrate()
    if desk.as_json:
        show.json(desk, {"before": before, "after": after})
    desk.tell("migrated.done" if after > before else "migrated.nothing", before=before, after=after)
    return Exit.OK


WRITTEN: tuple[show.Column[Any], ...] = (
    show.Column("file", lambda row: str(row.path)),
    _octets("size", lambda row: row.size),
    show.Column("sha256", lambda row: row.sha256),
    show.Column("made_at", lambda row: row.manifest.about.made_at),
    show.Column("schema", lambda row: row.manifest.about.schema),
    show.Column("rows", lambda row: {name: one.rows for name, one in row.manifest.tables.items()}),
    show.Column("files", lambda row: row.manifest.blobs),
)


def backup(
    *,
    to: Path | None = None,
    keep: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    with_key: Annotated[bool, Parameter(show=False, negative=())] = False,
    desk: At,
) -> int:
    if with_key:
        raise Complaint("usage.with_key", Exit.USAGE)
    try:
        written = _keeping(desk).back_up(to, keep, desk.by)
    except FileExistsError as there:
        raise Complaint("usage.there", Exit.FAILED, file=there.filename2 or there.filename) from None
    show.card(desk, WRITTEN, written)
    return Exit.OK


def verify(
    file: Path | None = None,
    /,
    *,
    all_: Annotated[bool, Parameter("--all", negative=())] = False,
    desk: At,
) -> int:
    if file is not None:
        reading.there(desk, file)
    found = _keeping(desk).verify(file, whole=all_)
    if desk.as_json:
        counts = {"read": found.read, "forgotten": found.forgotten, "removed": found.removed}
        show.json(desk, {"broken": list(found.broken), **counts})
    for rule in () if desk.as_json else found.broken:
        desk.screen.write(rule)
    desk.tell("verified.read", read=found.read, forgotten=found.forgotten, removed=found.removed)
    desk.tell("verify.broken" if found.broken else "verified.whole", number=len(found.broken))
    return Exit.FOUND if found.broken else Exit.OK


RESTORED: tuple[show.Column[Any], ...] = (
    show.Column("made_at", lambda row: row.manifest.about.made_at),
    show.Column("hub", lambda row: row.manifest.about.hub),
    show.Column("in_doubt", lambda row: row.doubt),
    show.Column("paused", lambda row: list(row.partners)),
    show.Column("behind_archive", lambda row: row.behind),
)


def restore(
    file: Path,
    /,
    *,
    replace: Annotated[bool, Parameter(negative=())] = False,
    yes: Yes = False,
    desk: At,
) -> int:
    reading.there(desk, file)
    keeping = _keeping(desk)
    keeping.restorable(file, replace=replace)
    sentence = desk.say("consequence.replace" if replace else "consequence.restore", file=str(file))
    agreed(desk, [sentence], reason="–", yes=yes)
    done = keeping.restore(file, replace=replace, by=desk.by)
    show.card(desk, RESTORED, done)
    if done.behind:
        desk.tell("restored.behind", number=done.behind)
    desk.tell("restored.next")
    return Exit.OK


@dataclass(frozen=True)
class Reopened:
    partner: str
    doubt: int
    way: str


REOPENED: tuple[show.Column[Reopened], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("in_doubt", lambda row: row.doubt),
    show.Column("way", lambda row: row.way, lambda row, desk: desk.say(f"way.{row.way}")),
)


def resume(*partners: str, reason: str = "", yes: Yes = False, desk: At) -> int:
    keeping = _keeping(desk)
    ways = keeping.ways()
    waiting = [
        Reopened(each.partner, each.doubt, ways.get(each.partner, "unknown")) for each in keeping.paused()
    ]
    _known(partners, waiting)
    chosen = [each for each in waiting if not partners or each.partner in partners]
    if not chosen:
        desk.tell("nothing.paused")
        return Exit.OK
    sentences = [
        desk.say(
            "consequence.reopen", partner=each.partner, number=each.doubt, way=desk.say(f"way.{each.way}")
        )
        for each in chosen
    ]
    why = agreed(desk, sentences, reason=reason, yes=yes)
    keeping.resume([each.partner for each in chosen], why, desk.by)
    show.rows(desk, REOPENED, chosen, "nothing.paused")
    return Exit.OK


def _known(asked: Sequence[str], waiting: Sequence[Reopened]) -> None:
    names = [each.partner for each in waiting]
    wrong = [name for name in asked if name not in names]
    if wrong:
        raise Complaint("unknown.paused", Exit.FAILED, name=wrong[0], known=", ".join(names) or "–")


def move(
    *, to: str, cancel: Annotated[bool, Parameter(negative=())] = False, yes: Yes = False, desk: At
) -> int:
    keeping = _keeping(desk)
    if cancel:
        desk.tell("moved.cancelled" if keeping.take_back(to, desk.by) else "moved.never")
        return Exit.OK
    keeping.movable(to)
    agreed(desk, [desk.say("consequence.move", to=to)], reason="–", yes=yes)
    done = keeping.move(to, desk.by)
    _tables(desk, done.tables)
    desk.tell("moved.again" if done.again else "moved.done")
    desk.tell("moved.next", to=to)
    return Exit.OK


TABLES: tuple[show.Column[tuple[str, Any]], ...] = (
    show.Column("table", lambda row: row[0], whole=True),
    show.Column("rows", lambda row: row[1].rows),
    show.Column("sha256", lambda row: row[1].sha256, room=110),
)


def _tables(desk: Desk, tables: Mapping[str, Any]) -> None:
    show.rows(desk, TABLES, sorted(tables.items()), "nothing.tables")


SURVEY: tuple[show.Column[Any], ...] = (
    show.Column("what", lambda row: str(row.stage), lambda row, desk: desk.say(f"pruned.{row.stage}")),
    show.Column("remove", lambda row: row.remove),
    show.Column("kept", lambda row: row.keep),
)


async def prune(*, dry_run: Annotated[bool, Parameter("--dry-run", negative=())] = False, desk: At) -> int:
    keeping = _keeping(desk)
    if dry_run:
        show.rows(desk, SURVEY, await keeping.survey(), "nothing.tables")
        return Exit.OK
    removed = await keeping.prune()
    if removed is None:
        raise Complaint("pruned.busy", Exit.UNREACHABLE)
    if desk.as_json:
        show.json(desk, {"removed": removed})
    desk.tell("pruned.done", number=removed)
    return Exit.OK


ROTATED: tuple[show.Column[Any], ...] = (
    show.Column("keys", lambda row: row.keys),
    show.Column("wrapped", lambda row: row.wrapped),
)


def rotate_master(*, yes: Yes = False, desk: At) -> int:
    keeping = _keeping(desk)
    keeping.rotatable()
    agreed(desk, [desk.say("consequence.rotate")], reason="–", yes=yes)
    show.card(desk, ROTATED, keeping.rotate(desk.by))
    desk.tell("rotated.next")
    return Exit.OK


def _keeping(desk: Desk) -> Keeping:
    return desk.keep(desk.settings)
