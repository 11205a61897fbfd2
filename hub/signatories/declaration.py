"""One agency's signatories as a closed model: its seals, its officers, their positions and delegations.

``since`` is the first day on which something counts, ``until`` the first on which it no longer does, in Vietnam time.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hub.partners.declaration import Id, Label, Name
from hub.partners.world import Agency, File
from hub.settings.values import Closed
from schemas.dossier import Kind

Code = Annotated[str, Field(min_length=1, max_length=100)]


class Span(Closed):
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("until: a day after since")
        return self


class Scope(Span):
    """What may be signed. Nothing named means everything of that sort; ``procedures`` and ``fields`` are alternatives.

    ``procedures``: national or local codes; ``fields``: codes of fields (lĩnh vực).
    """

    kinds: tuple[Kind, ...] = ()
    procedures: tuple[Code, ...] = ()
    fields: tuple[Code, ...] = ()


class Position(Scope):
    """``agency``: whose results are signed in it, with the units below it; the file's own when it is not said."""

    title: Name
    agency: Agency | None = None


class Signatory(Span):
    """A person, or a seal that stands for the agency itself. ``certificates``: also those of key generations that are over."""

    id: Id
    kind: Literal["person", "seal"] = "person"
    name: Name
    certificates: Annotated[tuple[File, ...], Field(min_length=1)]
    positions: Annotated[tuple[Position, ...], Field(min_length=1)]


class Delegation(Scope):
    """``to`` signs for ``from`` what is named here and ``from`` may sign. ``decision``: number of the document that says so."""

    from_: Annotated[Id, Field(alias="from")]
    to: Id
    since: date
    until: date
    decision: Label


class Signatories(Closed):
    """The file."""

    agency: Agency
    signatories: Annotated[tuple[Signatory, ...], Field(min_length=1)]
    delegations: tuple[Delegation, ...] = ()
