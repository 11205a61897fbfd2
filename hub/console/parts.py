"""What the pages are built from: handed in by the wiring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.console.gate import Gate  # noqa: TC001 - msgspec reads the annotations at run time
from hub.console.reading import Reading  # noqa: TC001
from hub.intake.spool import Spool  # noqa: TC001 - msgspec reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.partners.partner import Partner


class Agency(msgspec.Struct, frozen=True, kw_only=True):
    """A partner whose officers work here. ``authority``: under whose codes it knows dossiers; ``kinds``: what it may say;
    ``creates``: whether it may open a dossier; ``settles_duty``: as its file says; ``receives``: whether anything comes for it;
    ``informed``: it is only told.
    """

    id: str
    code: str
    vi: str
    en: str
    authority: str
    kinds: tuple[str, ...] = ()
    creates: bool = False
    settles_duty: bool = False
    receives: bool = False
    informed: bool = False

    def name(self, language: str) -> str:
        return self.en if language == "en" else self.vi


def agencies(partners: Iterable[Partner]) -> dict[str, Agency]:
    """Those whose files say that officers come by the form."""
    return {each.id: _agency(each) for each in partners if each.access.form}


def _agency(partner: Partner) -> Agency:
    sends, receives = partner.sends, partner.receives
    kinds = tuple(str(kind) for kind in sends.kinds) if sends else ()
    side = sends or receives
    return Agency(
        id=partner.id,
        code=partner.agency,
        vi=partner.name.vi,
        en=partner.name.en,
        authority=side.authority if side else partner.agency,
        kinds=kinds,
        creates="received" in kinds and bool(sends and sends.codes),
        settles_duty=bool(sends and sends.settles_duty),
        receives=receives is not None,
        informed=receives is not None and receives.role == "informed",
    )


class Console(msgspec.Struct, frozen=True, kw_only=True):
    """``agencies``: by partner; ``names``: of all partners, as (Vietnamese, English); ``spool``: where forms with files wait; ``reading``: how fast pages are turned."""

    gate: Gate
    names: dict[str, tuple[str, str]]
    agencies: dict[str, Agency]
    spool: Spool
    reading: Reading
