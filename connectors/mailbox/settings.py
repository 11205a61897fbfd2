"""What a partner's file says under ``[receives.mailbox]``. Closed: an unknown key is refused with its path."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """``fetches``: nothing is sent to such a partner; what is sealed for it lies in the hub until it comes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fetches: ClassVar[bool] = True

    media_type: str = Field(default="application/json", pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$")
