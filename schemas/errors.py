"""The one error catalogue: stable codes, Vietnamese and English, what to do next.

Data: ``schemas/errors/<area>.toml``. Codes are never reused and never renumbered. The same entries feed the API's
problem+json, SOAP faults, the command line (``lienthong error``) and the docs.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent / "errors"
CODE = re.compile(r"^HUB-[A-Z]{3}-\d{3}$")

Language = Literal["vi", "en"]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in both languages."""

    vi: str
    en: str

    def say(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One code. ``status``: HTTP status on our API; ``soap``: SOAP fault code; ``retry``: may the same bytes be sent again."""

    status: int
    soap: Literal["Client", "Server", "VersionMismatch", "MustUnderstand"]
    retry: Literal["yes", "no", "after_fix"]
    since: str
    title: Words
    cause: Words
    you: Words
    operator: Words
    code: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    entries: dict[str, Entry]

    def __getitem__(self, code: str) -> Entry:
        """Return the entry; raises ``KeyError``: a code that is not in the catalogue is a defect of the hub."""
        return self.entries[code]

    def __contains__(self, code: str) -> bool:
        return code in self.entries


@cache
def load(folder: Path = FOLDER) -> Catalogue:
    """Read every area's file, once in a process. Raises ``ValueError`` naming the file when an entry is malformed or a code stands twice."""
    entries: dict[str, Entry] = {}
    for path in sorted(folder.glob("*.toml")):
        for code, body in tomllib.loads(path.read_text("utf-8")).items():
            if not CODE.match(code) or code[4:7].lower() != path.stem:
                raise ValueError(f"{path.name}: {code} does not belong here")
            if code in entries:
                raise ValueError(f"{path.name}: {code} stands twice")
            try:
                entries[code] = msgspec.convert({**body, "code": code}, Entry)
            except msgspec.ValidationError as error:
                raise ValueError(f"{path.name}: {code}: {error}") from error
    return Catalogue(entries)
