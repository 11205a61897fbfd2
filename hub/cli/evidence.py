"""``lienthong evidence …``: is the journal what was chained, and what proves a transfer to somebody who trusts nobody here."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hub.cli import opening, reading, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.evidence import report
from hub.evidence.audit import Audit, Finding
from hub.evidence.chain import HASH_BYTES

if TYPE_CHECKING:
    from hub.evidence.contract import Standing
    from hub.evidence.parts import Holds

PAGE = 50
"""Segments that are looked at in one snapshot."""
SHOWN = 100
SUFFIX = ".asice"


@dataclass(frozen=True)
class Checked:
    standing: Standing
    entries: int
    pruned: int
    head: str
    findings: tuple[Finding, ...]


CHECKED: tuple[show.Column[Checked], ...] = (
    show.Column("entries", lambda row: row.entries),
    show.Column("pruned", lambda row: row.pruned),
    show.Column("segments", lambda row: row.standing.segments),
    show.Column("last_hash", lambda row: row.head),
    show.Column("stamped", lambda row: row.standing.stamped),
    show.Column("unrooted", lambda row: row.standing.unrooted),
    show.Column("unchained", lambda row: row.standing.unchained),
)
FINDINGS: tuple[show.Column[Finding], ...] = (
    show.Column("flaw", lambda row: str(row.flaw), lambda row, desk: desk.say(f"flaw.{row.flaw}")),
    show.Column("row", lambda row: row.number),
    show.Column("detail", lambda row: row.detail),
)


@dataclass(frozen=True)
class Exported:
    file: str
    sha256: str
    bundle: Any


EXPORTED: tuple[show.Column[Exported], ...] = (
    show.Column("file", lambda row: row.file),
    show.Column("sha256", lambda row: row.sha256),
    show.Column("messages", lambda row: row.bundle.messages),
    show.Column("transfers", lambda row: row.bundle.transfers),
    show.Column("files", lambda row: row.bundle.files),
    show.Column("stamp", lambda row: row.bundle.stamped),
)


async def export(wanted: str, /, *, to: Path | None = None, desk: At) -> int:
    async with desk.hub() as hub:
        bundle = await opening.bundles().export(desk.settings, hub.store, wanted, desk.now())
    file = to or Path(f"evidence-{wanted}{SUFFIX}")
    try:
        with open(file, "xb", opener=_private) as out:  # noqa: ASYNC230 - a command; modes need an opener
            out.write(bundle.content)
    except FileExistsError:
        raise Complaint("usage.there", Exit.FAILED, file=str(file)) from None
    show.card(desk, EXPORTED, Exported(str(file), hashlib.sha256(bundle.content).hexdigest(), bundle))
    if not bundle.stamped:
        desk.tell("exported.unstamped", code=bundle.unstamped or "[timestamps] url")
    desk.tell("exported.personal")
    return Exit.OK


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


PROOF: tuple[show.Column[Any], ...] = (
    show.Column("about", lambda row: f"{row.index.about} {row.index.id}"),
    show.Column("signer", lambda row: row.checked.signer.subject),
    show.Column("fingerprint", lambda row: row.checked.signer.fingerprint),
    show.Column("signed_at", lambda row: row.checked.signed_at),
    show.Column("stamped", lambda row: row.checked.stamped_at),
    show.Column("files", lambda row: len(row.checked.files)),
)
HELD: tuple[show.Column[Holds], ...] = (
    show.Column(
        "check",
        lambda row: row.check,
        lambda row, desk: report.say(desk.speech.language, f"check.{row.check}"),
    ),
    show.Column("about", lambda row: row.about),
    show.Column("at", lambda row: row.at),
    show.Column("proved", lambda row: row.proved, lambda row, desk: desk.say("yes" if row.proved else "no")),
)


async def verify(
    file: Path,
    /,
    *,
    anchor: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    desk: At,
) -> int:
    """Look at a bundle without a network and without the hub's store."""
    settings = desk.settings if desk.settings.is_file() else None
    if settings is None and not anchor:
        raise Complaint("usage.anchor", Exit.USAGE)
    proof = await opening.bundles().check(
        settings, reading.content(desk, file, Exit.FAILED), anchor, desk.now()
    )
    show.card(desk, PROOF, proof, [show.Part("holds", HELD, proof.holds)])
    desk.tell("proof.stamped" if proof.checked.stamped_at else "proof.unstamped")
    if not proof.vouched:
        desk.tell("proof.unasked")
    return Exit.OK


async def check(
    *,
    known: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    desk: At,
) -> int:
    """The exit status says whether the journal is what was chained."""
    audit = Audit(opening.stamps(desk.settings), [_hash(each) for each in known])
    findings: list[Finding] = []
    async with desk.hub() as hub:
        begun = (await hub.store.evidence.standing()).segments
        while (page := await hub.store.evidence.page(audit.after, audit.top, PAGE)).segments:
            findings += audit.feed(page)
        standing = await hub.store.evidence.standing()
    findings += audit.end(standing, begun=begun)
    found = Checked(standing, audit.entries, audit.pruned, audit.head.hex(), tuple(findings))
    parts = [show.Part("findings", FINDINGS, findings[:SHOWN])] if findings or desk.as_json else []
    show.card(desk, CHECKED, found, parts)
    desk.tell("checked.broken" if findings else "checked.whole", number=len(findings))
    return Exit.FOUND if findings else Exit.OK


def _hash(said: str) -> bytes:
    try:
        found = bytes.fromhex(said)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise Complaint("usage.value", Exit.USAGE, name="--known", value=said, known="SHA-256")
    return found
