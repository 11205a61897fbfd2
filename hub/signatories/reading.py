"""Signatories' files: one closed TOML file per agency, in the folder that the settings name.

Every mistake of every file is found in one reading, as in partner files (HUB-CFG-001 with file, line and path): a
certificate that cannot stand for a signature, an id or a certificate that stands twice, a delegation of what its lender
may not sign, to nobody, in a circle.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.closed_toml import Source
from hub.partners.world import Reading, World
from hub.signatories.authority import Authority, Days, Holder, Right, Scope
from hub.signatories.declaration import Signatories
from schemas.problems import Problem, Refusal
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.closed_toml import Steps
    from hub.signatories.declaration import Delegation, Position, Signatory, Span
    from hub.signatories.declaration import Scope as Said
    from schemas.agencies import Agencies

CODE = "HUB-CFG-001"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say. ``files``: where the certificates of each agency's signatories are."""

    authority: Authority
    holders: tuple[Holder, ...]
    files: tuple[tuple[str, Path], ...]

    def certificates(self, agency: str, agencies: Agencies) -> tuple[Path, ...]:
        """Return whose signatures a system of this agency may bring: signatories above it and below it."""
        return tuple(
            file
            for owner, file in self.files
            if agencies.is_within(owner, agency) or agencies.is_within(agency, owner)
        )


NOBODY = Known(authority=Authority(), holders=(), files=())


def load(folder: Path | None, world: World) -> Known:
    """Read every ``*.toml`` of the folder. Raises ``Refusal`` with the problems of all; without a folder nobody signs."""
    if folder is None:
        return NOBODY
    if not folder.is_dir():
        raise Refusal(Problem(code=CODE, place=folder.name, rule="a folder that is there"))
    read: list[tuple[Source, Signatories]] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            source = Source(path, CODE)
            read.append((source, source.read(Signatories, source.values, context=Reading(world, folder))))
        except Refusal as refusal:
            problems.extend(refusal.problems)
    holders = _Holders(read)
    problems.extend(holders.problems)
    if problems:
        raise Refusal(*problems)
    return Known(
        authority=Authority.of(holders.made),
        holders=holders.made,
        files=tuple(
            (told.agency, file) for _, told in read for one in told.signatories for file in one.certificates
        ),
    )


class _Holders:
    """One pass over all files: ``made`` counts when ``problems`` stays empty."""

    def __init__(self, read: Sequence[tuple[Source, Signatories]]) -> None:
        self.problems: list[Problem] = []
        self._owners: dict[str, str] = {}
        own: dict[str, Holder] = {}
        for source, told in read:
            for number, one in enumerate(told.signatories):
                holder = self._holder(source, told.agency, one, ("signatories", number))
                if own.setdefault(one.id, holder) is not holder:
                    self._wrong(
                        source, ("signatories", number, "id"), "an id of its own: this one stands twice"
                    )
        lent = self._lent(read, own)
        self.made = tuple(
            msgspec.structs.replace(holder, rights=(*holder.rights, *lent.get(holder.id, ())))
            for holder in own.values()
        )

    def _wrong(self, source: Source, at: Steps, rule: str) -> None:
        self.problems.append(source.problem(at, rule))

    def _holder(self, source: Source, agency: str, one: Signatory, at: Steps) -> Holder:
        return Holder(
            id=one.id,
            kind=one.kind,
            name=(one.name.vi, one.name.en),
            agency=agency,
            certificates=frozenset(self._certificates(source, one, at)),
            rights=tuple(_right(position, agency, one) for position in one.positions),
        )

    def _certificates(self, source: Source, one: Signatory, at: Steps) -> Iterator[str]:
        for number, file in enumerate(one.certificates):
            place = (*at, "certificates", number)
            try:
                found = [pin.fingerprint for pin in load_pins([file])]
            except Refusal as refusal:
                self._wrong(source, place, refusal.problems[0].rule)
                continue
            if any(self._owners.setdefault(each, one.id) != one.id for each in found):
                self._wrong(source, place, "a certificate of its own: this one stands for another signatory")
            yield from found

    def _lent(
        self, read: Sequence[tuple[Source, Signatories]], own: Mapping[str, Holder]
    ) -> Mapping[str, Sequence[Right]]:
        """Return what is delegated, by who receives it: only what its lender holds of its own."""
        lent: dict[str, list[Right]] = {}
        for source, told in read:
            for number, said in enumerate(told.delegations):
                at = ("delegations", number)
                if said.from_ not in own:
                    self._wrong(source, (*at, "from"), "the id of a signatory")
                elif said.to not in own or said.to == said.from_:
                    self._wrong(source, (*at, "to"), "the id of another signatory")
                else:
                    lent.setdefault(said.to, []).extend(_delegated(own[said.from_], said))
        return lent


def _delegated(lender: Holder, said: Delegation) -> Iterator[Right]:
    for right in lender.rights:
        yield msgspec.structs.replace(
            right,
            scopes=(*right.scopes, _scope(said)),
            days=(*right.days, _days(said)),
            lender=lender.id,
            decision=said.decision,
        )


def _right(position: Position, agency: str, one: Signatory) -> Right:
    return Right(
        agency=position.agency or agency,
        title=(position.title.vi, position.title.en),
        scopes=(_scope(position),),
        days=(_days(position), _days(one)),
    )


def _days(said: Span) -> Days:
    return Days(since=said.since, until=said.until)


def _scope(said: Said) -> Scope:
    return Scope(
        kinds=frozenset(map(str, said.kinds)),
        procedures=frozenset(said.procedures),
        fields=frozenset(said.fields),
    )
