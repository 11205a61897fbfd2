"""Which versions of mappings are spoken now: proposals beside the site's mappings, laid over what there is."""

from __future__ import annotations

import hashlib
from collections import ChainMap
from typing import TYPE_CHECKING, NamedTuple

from hub.mappings import governing
from hub.mappings.governing import CHANGED, UNKNOWN, InForce, Proposal, Standing, State
from schemas.problems import Problem, refuse
from schemas.table import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from hub.settings.file import Settings
    from schemas.mapping import Mapping as Format


def file_of(settings: Settings, shipped: Path, ref: str) -> tuple[Path, bool]:
    """Return the file of a version, and whether it came with the hub. The site's own goes first."""
    own = settings.mappings / governing.name_of(ref) if settings.mappings else None
    if own is not None and own.is_file():
        return own, False
    return shipped / governing.name_of(ref), True


def proposal_file(settings: Settings, ref: str) -> Path:
    """Where a version's proposal stands. Raises ``Refusal`` HUB-CFG-002 where a site has no mappings of its own."""
    if settings.mappings is None:
        raise refuse("HUB-CFG-002", "mappings", rule="a folder for the site's own mappings")
    return settings.mappings / governing.FOLDER / governing.name_of(ref)


def standing_of(settings: Settings, shipped: Path, proposal: Proposal, now: datetime) -> Standing:
    file, ours = file_of(settings, shipped, proposal.mapping)
    return governing.standing(proposal, digest_of(file), now, shipped=ours)


class Versions(NamedTuple):
    """A version as it stands in its file now. ``problem``: why it cannot replace the other: ``unknown``, ``other_format`` or ``operations``."""

    digest: str
    proposal: Proposal | None
    problem: str = ""


def versions(
    settings: Settings, shipped: Path, formats: Mapping[str, Format], new: str, old: str
) -> Versions:
    """Look at a version, and at the one that it is to replace where one is named."""
    file, _ = file_of(settings, shipped, new)
    proposal = governing.proposals(settings.mappings).get(new)
    refs = {new, old} if old else {new}
    if not all(ref in formats for ref in refs):
        return Versions("", proposal, "unknown")
    problem = ""
    if old and (new.partition("@")[0] != old.partition("@")[0] or new == old):
        problem = "other_format"
    elif old and not _operations(settings, shipped, old) <= _operations(settings, shipped, new):
        problem = "operations"
    return Versions(digest_of(file), proposal, problem)


def _operations(settings: Settings, shipped: Path, ref: str) -> set[str]:
    return set(read_table(file_of(settings, shipped, ref)[0]).operation)


def digest_of(file: Path) -> str:
    """SHA-256, hex; of nothing, where there is no such file."""
    return hashlib.sha256(file.read_bytes() if file.is_file() else b"").hexdigest()


def governed(
    settings: Settings,
    shipped: Path,
    formats: Mapping[str, Format],
    used: Collection[str],
    now: Callable[[], datetime],
) -> Mapping[str, Format]:
    """Lay what is proposed over the formats. ``used``: versions that partner files name. Raises ``Refusal`` HUB-CFG-004, HUB-CFG-005."""
    over: dict[str, Format] = {}
    for ref, proposal in governing.proposals(settings.mappings).items():
        if ref not in used:
            continue
        found = standing_of(settings, shipped, proposal, now())
        if found.changed and proposal.approved:
            raise refuse(CHANGED, governing.name_of(ref), rule="the bytes that were approved")
        if proposal.replaces not in formats:
            raise refuse(
                UNKNOWN,
                governing.name_of(ref),
                rule="a finished version to replace",
                detail=proposal.replaces,
            )
        if found.state is not State.IN_FORCE:
            since = None if found.missing else found.since
            over[ref] = InForce(formats[ref], formats[proposal.replaces], since, now)
    return ChainMap(over, formats) if over else formats  # type: ignore[arg-type]  # nothing is ever written into it


def unapproved(settings: Settings, shipped: Path, used: Collection[str], now: datetime) -> Sequence[Problem]:
    """Say which versions that a partner's file names are not spoken yet because somebody has not approved them."""
    found: list[Problem] = []
    for ref, proposal in governing.proposals(settings.mappings).items():
        told = standing_of(settings, shipped, proposal, now) if ref in used else None
        if told is None:
            continue
        if told.changed and proposal.approved:
            found.append(
                Problem(code=CHANGED, place=governing.name_of(ref), rule="the bytes that were approved")
            )
        elif told.missing:
            rule = f"approved by {' and '.join(told.missing)}; {proposal.replaces} is spoken until then"
            found.append(Problem(code=governing.UNAPPROVED, place=governing.name_of(ref), rule=rule))
    return found
