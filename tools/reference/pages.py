"""Every page of ``docs/reference`` by its file name.

Nothing is said twice: codes come from the error catalogue, moves from the tables, keys from the pydantic models, commands from the
command line's own manual, losses from the mapping tables. Only what a key or a state *means* is written by hand; a key without a
meaning stops the generator, and so does a meaning without a key.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.commands import command_page
from tools.reference.conflicts import conflicts_page
from tools.reference.errors import errors_page
from tools.reference.figures import figures_page
from tools.reference.files import partner_page, settings_page, signatories_page
from tools.reference.health import health_page
from tools.reference.interoperability import interoperability_page
from tools.reference.legs import legs_page
from tools.reference.mapping_files import mapping_file_page
from tools.reference.mappings import mappings_page
from tools.reference.meanings import WORDS, Meanings
from tools.reference.metrics import metrics_page
from tools.reference.states import lifecycle_page

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    words = Meanings(tomllib.loads(WORDS.read_text("utf-8")))
    made = {name: page(words) for name, page in PAGES.items()}
    if unused := words.unused():
        raise ValueError(f"{WORDS.name} explains what is not there: {', '.join(unused)}")
    return made


PAGES: dict[str, Callable[[Meanings], str]] = {
    "errors.md": errors_page,
    "lifecycle.md": lifecycle_page,
    "conflicts.md": conflicts_page,
    "figures.md": figures_page,
    "legs.md": legs_page,
    "partner-health.md": health_page,
    "settings.md": settings_page,
    "partner-file.md": partner_page,
    "signatories-file.md": signatories_page,
    "command-line.md": command_page,
    "mapping-file.md": mapping_file_page,
    "mappings.md": mappings_page,
    "metrics.md": metrics_page,
    "interoperability.md": interoperability_page,
}
