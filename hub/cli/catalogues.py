"""``lienthong catalogue publish|list|show|diff|who``: what is published to departments, districts and communes, and who has what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, reading, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.deadlines.calendar import VIETNAM
from hub.going_live.staging import overlaid
from hub.registries import catalogues, pushing
from hub.registries.catalogues import Changes, Document, Previous
from hub.store.contract.catalogues import Version
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.registries.catalogues import Entry
    from hub.store.contract.catalogues import CatalogueStore, Had, Pushed

File = Annotated[Path | None, Parameter(negative=())]


@dataclass(frozen=True)
class Listed:
    version: Version
    in_force: bool


@dataclass(frozen=True)
class Difference:
    change: str
    code: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Who:
    """``sent``: the highest version that was brought to it; ``has``: the highest that arrived, or that it fetched; ``receipt``: the highest
    for which its own receipt is there; ``uses``: the highest that it acknowledged; 0: none.
    """

    partner: str
    catalogue: str
    current: int
    sent: int = 0
    has: int = 0
    fetched_at: datetime | None = None
    receipt: int = 0
    uses: int = 0
    acknowledged_at: datetime | None = None


LISTED: tuple[show.Column[Listed], ...] = (
    show.Column("catalogue", lambda row: row.version.id, whole=True),
    show.Column("version", lambda row: row.version.version),
    show.Column("effective", lambda row: row.version.effective.isoformat()),
    show.Column("in_force", lambda row: row.in_force),
    show.Column("at", lambda row: row.version.at, lambda row, _: times.local(row.version.at), room=120),
    show.Column("is_signed", lambda row: bool(row.version.signature)),
    show.Column("digest", lambda row: row.version.digest, room=180),
    show.Column("by", lambda row: row.version.by, room=140),
    show.Column("reason", lambda row: row.version.reason, room=160),
)
DIFFERENCES: tuple[show.Column[Difference], ...] = (
    show.Column("change", lambda row: row.change, lambda row, desk: desk.say(f"change.{row.change}")),
    show.Column("code", lambda row: row.code, whole=True),
    show.Column("fields", lambda row: list(row.fields)),
)
WHO: tuple[show.Column[Who], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column("catalogue", lambda row: row.catalogue, whole=True),
    show.Column("current", lambda row: row.current),
    show.Column("brought", lambda row: row.sent),
    show.Column(
        "fetched", lambda row: row.has, colour=lambda row, _: "yellow" if row.has < row.current else ""
    ),
    show.Column(
        "fetched_at",
        lambda row: row.fetched_at,
        lambda row, _: times.local(row.fetched_at) if row.fetched_at else "",
    ),
    show.Column("receipted", lambda row: row.receipt),
    show.Column(
        "in_use", lambda row: row.uses, colour=lambda row, _: "yellow" if row.uses < row.current else ""
    ),
    show.Column(
        "acknowledged_at",
        lambda row: row.acknowledged_at,
        lambda row, _: times.local(row.acknowledged_at) if row.acknowledged_at else "",
    ),
)


async def publish(
    catalogue: str,
    file: File = None,
    /,
    *,
    effective: str = "",
    reason: str = "",
    yes: Yes = False,
    desk: At,
) -> int:
    """Make the next version from a file, or from what the hub itself goes by."""
    named, today = catalogues.checked_id(catalogue), desk.now().astimezone(VIETNAM).date()
    entries = _entries(desk, named, file)
    async with desk.hub() as hub:
        known = await hub.store.catalogues.versions(named)
        before = await _document(hub.store.catalogues, known[-1]) if known else None
        changes = catalogues.changes(before.entries if before else (), entries)
        if changes.nothing:
            desk.tell("already.catalogue", catalogue=named, version=known[-1].version)
            return Exit.OK
        document = Document(
            catalogue=named,
            version=known[-1].version + 1 if known else 1,
            effective=_effective(effective, today, known),
            published_at=desk.now(),
            publisher=opening.hub_name(desk.settings),
            previous=Previous(version=known[-1].version, digest=known[-1].digest) if known else None,
            changes=changes,
            entries=tuple(entries),
        )
        sentence = desk.say(
            "consequence.catalogue",
            catalogue=named,
            version=document.version,
            effective=document.effective.isoformat(),
            added=len(changes.added),
            removed=len(changes.removed),
            changed=len(changes.changed),
        )
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        raw = catalogues.to_json(document)
        confirm = await opening.confirming(desk.settings, hub.store)
        version = Version(
            id=named,
            version=document.version,
            effective=document.effective,
            at=document.published_at,
            digest=catalogues.digest(raw),
            signature=confirm(raw, document.published_at),
            by=desk.by,
            reason=why,
        )
        if not await hub.store.catalogues.publish(version, raw):
            raise refuse("HUB-CAT-003", named, rule=str(version.version))
        staged = await hub.store.stages.stages()
        parties = overlaid((each.party for each in hub.partners.values()), staged.staged)
        wanting = [each.partner_id for each in parties if pushing.flows(each)]
    show.rows(desk, LISTED, [Listed(version, version.effective <= today)], "nothing.catalogues")
    if wanting:
        desk.tell("told.brought", partners=", ".join(wanting))
    return Exit.OK


def _entries(desk: Desk, catalogue: str, file: Path | None) -> Sequence[Entry]:
    if file is None:
        return opening.own_catalogue(desk.settings, catalogue)
    return catalogues.read(reading.content(desk, file), file.name)


def _effective(told: str, today: date, known: Sequence[Version]) -> date:
    """Raises ``Refusal`` HUB-CAT-003: what was received under another version finishes on that one, so no day that is over."""
    least = max([today, *(each.effective for each in known)])
    try:
        day = date.fromisoformat(told) if told else least
    except ValueError:
        raise Complaint("usage.effective", Exit.USAGE, value=told) from None
    if day < least:
        raise refuse("HUB-CAT-003", "effective", rule=f"{least} …", detail=told)
    return day


async def list_(*, desk: At) -> int:
    today = desk.now().astimezone(VIETNAM).date()
    async with desk.hub() as hub:
        versions = await hub.store.catalogues.versions()
    now = catalogues.in_force(versions, today)
    show.rows(
        desk, LISTED, [Listed(each, now.get(each.id) == each) for each in versions], "nothing.catalogues"
    )
    return Exit.OK


async def show_(catalogue: str, version: int = 0, /, *, desk: At) -> int:
    """Print the signed document as it is fetched, the newest version unless told."""
    async with desk.hub() as hub:
        found = await _named(hub.store.catalogues, catalogue, version)
        raw = await hub.store.catalogues.document(found.id, found.version)
    desk.screen.write((raw or b"").decode())
    return Exit.OK


async def diff(catalogue: str, old: int = 0, new: int = 0, /, *, desk: At) -> int:
    """Compare two versions: by default the newest with the one before."""
    async with desk.hub() as hub:
        after = await _named(hub.store.catalogues, catalogue, new)
        entries = (await _document(hub.store.catalogues, after)).entries
        number = old or after.version - 1
        before: Sequence[Entry] = ()
        if number:
            named = await _named(hub.store.catalogues, catalogue, number)
            before = (await _document(hub.store.catalogues, named)).entries
    show.rows(desk, DIFFERENCES, _differences(catalogues.changes(before, entries)), "nothing.changes")
    return Exit.OK


def _differences(changes: Changes) -> Iterator[Difference]:
    yield from (Difference("added", code) for code in changes.added)
    yield from (Difference("gone", code) for code in changes.removed)
    yield from (Difference("changed", code, fields) for code, fields in changes.changed.items())


async def who(catalogue: str = "", /, *, desk: At) -> int:
    """Say what each partner has of each catalogue; who has nothing stands there with 0."""
    today = desk.now().astimezone(VIETNAM).date()
    async with desk.hub() as hub:
        versions = await hub.store.catalogues.versions(catalogue)
        had = await hub.store.catalogues.had(catalogue)
        pushed = await hub.store.catalogues.pushed(catalogue)
        partners = sorted(
            {*hub.partners, *(each.partner for each in had), *(each.partner for each in pushed)}
        )
    now = catalogues.in_force(versions, today)
    show.rows(
        desk,
        WHO,
        [_who(partner, each, had, pushed) for each in now.values() for partner in partners],
        "nothing.catalogues",
    )
    return Exit.OK


def _who(partner: str, current: Version, had: Iterable[Had], pushed: Iterable[Pushed]) -> Who:
    its = [each for each in had if (each.partner, each.id) == (partner, current.id)]
    brought = [each for each in pushed if (each.partner, each.id) == (partner, current.id)]
    arrived = {each.version: each.fetched_at for each in its}
    arrived |= {each.version: each.delivered_at for each in brought if each.delivered_at}
    has = max(arrived, default=0)
    uses = max((each for each in its if each.acknowledged_at), key=lambda each: each.version, default=None)
    return Who(
        partner=partner,
        catalogue=current.id,
        current=current.version,
        sent=max((each.version for each in brought), default=0),
        has=has,
        fetched_at=arrived.get(has),
        receipt=max((each.version for each in brought if each.receipt_at), default=0),
        uses=uses.version if uses else 0,
        acknowledged_at=uses.acknowledged_at if uses else None,
    )


async def _named(store: CatalogueStore, catalogue: str, version: int) -> Version:
    """Raises ``Refusal`` HUB-CAT-002. 0: the newest."""
    versions = await store.versions(catalogues.checked_id(catalogue))
    found = next((each for each in reversed(versions) if version in (0, each.version)), None)
    if found is None:
        raise refuse("HUB-CAT-002", catalogue, detail=str(version or ""))
    return found


async def _document(store: CatalogueStore, version: Version) -> Document:
    raw = await store.document(version.id, version.version)
    if raw is None:
        raise refuse("HUB-CAT-002", version.id, detail=str(version.version))
    return catalogues.from_json(raw)
