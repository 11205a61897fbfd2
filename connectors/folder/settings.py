"""What a partner's file says under ``[receives.folder]`` (or ``[sends.folder]``). Closed: an unknown key is refused with its path."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.reach import LocalFile, Seconds  # noqa: TC001 - pydantic reads the annotations at run time

Ending = Annotated[str, Field(pattern=r"^(\.[A-Za-z0-9]{1,16})?$")]


class Settings(BaseModel):
    """``outbox``: where the hub drops what is for the partner; ``inbox``: where the partner drops what is for the hub. In each the
    operator has made a folder ``.lienthong``: without it the place is not the one that was agreed (a share that is not mounted).

    ``suffix``: of the files. ``ready``: a file is complete when one of its name and this ending stands beside it; empty: when it has
    its name (the hub renames), and at the other side when it was left alone for ``settles``. ``owner``: whose files are picked up,
    by number; ``None``: anybody's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    outbox: LocalFile | None = None
    inbox: LocalFile | None = None
    media_type: str = Field(default="application/json", pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$")
    suffix: Annotated[str, Field(pattern=r"^\.[A-Za-z0-9]{1,16}$")] = ".json"
    ready: Ending = ""
    settles: Seconds = 10.0
    owner: Annotated[int, Field(ge=0)] | None = None

    def lacks(self, *, receives: bool, collected: bool) -> tuple[str, ...]:
        """Name the keys that a partner that is dropped to, or picked up from, needs and has not."""
        wanted = (("outbox", receives and self.outbox is None), ("inbox", collected and self.inbox is None))
        return tuple(key for key, missing in wanted if missing)

    @model_validator(mode="after")
    def _some_place(self) -> Self:
        if self.outbox is None and self.inbox is None:
            raise ValueError("outbox or inbox is expected")
        if self.ready == self.suffix:
            raise ValueError("ready is another ending than suffix")
        return self
