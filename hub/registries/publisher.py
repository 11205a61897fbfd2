"""Who publishes, and what its lists are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.catalogues import Catalogues
    from schemas.agencies import Agencies
    from schemas.codelists import CodeLists
    from schemas.procedures import Procedures


@dataclass(frozen=True)
class Publisher:
    """``root``: the agency in whose tree its lists are. ``site``: where versions are kept; ``None``: the settings name no folder."""

    catalogues: Catalogues
    agencies: Agencies
    procedures: Procedures
    lists: CodeLists
    root: str
    site: Path | None
