"""Where the files of a new partner belong: beside the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.drafting.draft import Laid, draft
from hub.settings import file as settings_file
from hub.wiring.declared import MAPPINGS, registries_of
from schemas.moments import VIETNAM
from schemas.problems import refuse
from schemas.table import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def laid(
    path: Path, name: str, description: Path, agency: str, operations: Sequence[str], now: datetime
) -> Laid:
    settings = settings_file.load(path)
    if settings.mappings is None:
        raise refuse("HUB-CFG-002", "mappings", rule="a folder for the site's own mappings")
    if not _ID.fullmatch(name):
        raise refuse("HUB-CFG-001", "id", rule="small letters, digits and dashes, at most 63")
    if registries_of(settings)[0].known(agency) is None:
        raise refuse("HUB-CFG-001", "agency", rule="an agency of the registry", detail=agency[:100])
    shipped = [read_table(each) for each in sorted(MAPPINGS.glob("*.toml"))]
    made = draft(description, name, agency, operations, shipped, now.astimezone(VIETNAM).date())
    mapping = settings.mappings / f"{made.ref.replace('@', '-')}.toml"
    partner = settings.partners / f"{name}.toml"
    library = {settings.mappings.parent / place: content for place, content in made.library.items()}
    files = {**library, mapping: made.mapping.encode(), partner: made.partner.encode()}
    return Laid(draft=made, partner=partner, mapping=mapping, files=files)
