"""Dossier codes (mã số hồ sơ): ``<code of the receiving unit>-<yyMMdd>-<number of the day>``, NĐ 61/2018 and local practice.

Four digits at provinces, up to seven at some ministries; unit codes in either form: ``000.00.15.H47-190412-0007``,
``000.A0.01.H26-210212-9090``, ``H57.132-260804-0583``.
"""

from __future__ import annotations

import re
from datetime import date

import msgspec

from schemas.problems import refuse

RULE = "[0-9A-Z]+(.[0-9A-Z]+){0,7}-yyMMdd-[0-9]{4,7}"
_CODE = re.compile(r"([0-9A-Z]+(?:\.[0-9A-Z]+){0,7})-([0-9]{2})([0-9]{2})([0-9]{2})-([0-9]{4,7})")
IN_TEXT = re.compile(
    r"(?<![0-9A-Za-z.-])[0-9A-Z]{1,12}(?:\.[0-9A-Z]{1,12}){1,7}-[0-9]{6}-[0-9]{4,7}(?![0-9A-Za-z-])"
)
"""A dossier code inside a sentence; its unit has more than one part there, so that nothing else is taken for one."""
_CENTURY = 2000


class DossierCode(msgspec.Struct, frozen=True):
    """The three parts. ``sequence`` keeps its leading zeros: ``0007`` and ``00007`` are two codes."""

    agency: str
    day: date
    sequence: str

    def __str__(self) -> str:
        return f"{self.agency}-{self.day:%y%m%d}-{self.sequence}"


def parse(text: str, place: str = "") -> DossierCode:
    """Read a dossier code. Raises ``Refusal`` HUB-DOS-001 when its shape is wrong or its date does not exist."""
    found = _CODE.fullmatch(text)
    if found is None:
        raise refuse("HUB-DOS-001", place, rule=RULE)
    agency, year, month, day, sequence = found.groups()
    try:
        received = date(_CENTURY + int(year), int(month), int(day))
    except ValueError:
        raise refuse("HUB-DOS-001", place, rule=RULE, detail="the date does not exist") from None
    return DossierCode(agency, received, sequence)
