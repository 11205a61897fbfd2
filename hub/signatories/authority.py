"""May this certificate's holder sign this, for this agency, on this day? A table of rights, asked once per message. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date, datetime  # noqa: TC003
from typing import TYPE_CHECKING

import msgspec

from hub.deadlines.calendar import VIETNAM
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.agencies import Agencies


SEAL = "seal"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Act(Value, frozen=True):
    """What was signed. ``agencies``: in whose name: the agency as it was then, and the one that has taken it over since.

    ``procedures``: every code that its procedure goes by; ``field``: its field's.
    """

    kind: str
    agencies: tuple[str, ...]
    procedures: frozenset[str] = frozenset()
    field: str = ""


class Days(Value, frozen=True):
    """From ``since`` on, no longer from ``until`` on; open where nothing is said."""

    since: date | None = None
    until: date | None = None

    def counts(self, on: date) -> bool:
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


class Scope(Value, frozen=True):
    """What may be signed; what is empty does not restrict."""

    kinds: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    def covers(self, act: Act) -> bool:
        of_kind = not self.kinds or act.kind in self.kinds
        anything = not self.procedures and not self.fields
        return of_kind and (anything or bool(self.procedures & act.procedures) or act.field in self.fields)


class Right(Value, frozen=True):
    """One position, or one delegation of another's position. All of ``scopes`` must cover, all of ``days`` must count.

    ``title``: of the position (vi, en). ``lender``: who delegated it, ``decision``: by which document.
    """

    agency: str
    title: tuple[str, str]
    scopes: tuple[Scope, ...]
    days: tuple[Days, ...]
    lender: str = ""
    decision: str = ""

    def counts(self, on: date) -> bool:
        return all(days.counts(on) for days in self.days)

    @property
    def ends(self) -> date | None:
        """The first day on which it no longer counts."""
        return min((days.until for days in self.days if days.until), default=None)

    @property
    def begins(self) -> date | None:
        return max((days.since for days in self.days if days.since), default=None)


class Holder(Value, frozen=True):
    """A person or seal with every right it has, had or will have. ``certificates``: SHA-256 in hex."""

    id: str
    kind: str
    name: tuple[str, str]
    agency: str
    certificates: frozenset[str]
    rights: tuple[Right, ...]


class Signed(Value, frozen=True):
    """Under which right something was signed."""

    holder: str
    right: Right


class Authority(Value, frozen=True):
    """Every holder of a province, by certificate."""

    holders: Mapping[str, Holder] = {}

    @classmethod
    def of(cls, holders: Sequence[Holder]) -> Authority:
        return cls(holders={each: holder for holder in holders for each in holder.certificates})

    def signs(self, certificate: str, act: Act, at: datetime, agencies: Agencies) -> Signed:
        """Return the right under which it was signed. ``certificate``: SHA-256 hex; ``at``: when it was proved to be signed.

        Raises ``Refusal`` HUB-SGN-001 when nobody holds the certificate, -002 when its holder never had such a right,
        -003 when the right does not count that day, or a seal's agency stands no more: what it sealed before stays sealed. No name enters the refusal.
        """
        holder = self.holders.get(certificate)
        if holder is None:
            raise refuse("HUB-SGN-001", "Signature", rule="the certificate of a declared signatory")
        fitting = [right for right in holder.rights if _covers(right, act, agencies.is_within)]
        if not fitting:
            raise refuse("HUB-SGN-002", "Signature", rule=f"{act.kind}, {act.agencies[0]}", detail=holder.id)
        on = at.astimezone(VIETNAM).date()
        seal = holder.kind == SEAL
        counting = next(
            (
                right
                for right in fitting
                if right.counts(on) and not (seal and _ended(right.agency, on, agencies))
            ),
            None,
        )
        if counting is None:
            raise refuse("HUB-SGN-003", "Signature", rule=_spans(fitting), detail=holder.id)
        return Signed(holder=holder.id, right=counting)


def _covers(right: Right, act: Act, is_within: Callable[[str, str], bool]) -> bool:
    theirs = any(is_within(agency, right.agency) for agency in act.agencies)
    return theirs and all(scope.covers(act) for scope in right.scopes)


def _ended(code: str, on: date, agencies: Agencies) -> bool:
    """A seal ends with its agency, whatever its file says: whoever took that over signs with its own."""
    agency = agencies.known(code)
    return agency is not None and agency.until is not None and on >= agency.until


def _spans(rights: Sequence[Right]) -> str:
    return ", ".join(f"{right.begins or '…'} – {right.ends or '…'}" for right in rights)
