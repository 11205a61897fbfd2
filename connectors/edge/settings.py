"""What a partner's file says under ``[receives.edge]``: another hub. Closed: an unknown key is refused with its path."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.reach import Address, LocalFile, Reach, Seconds

Tree = Annotated[str, Field(min_length=1, max_length=35)]


class Settings(BaseModel):
    """A hub below names ``serves``: agencies, or trees of them, whose systems are there. The hub above has ``url`` and ``parent = true``, and
    serves all that nobody here serves. ``code``: what it calls itself in what it signs; without one, its agency's code.

    ``wait``: seconds that a question for more may stay open at the hub above; ``pause``: the longest wait before a line that is down is
    tried again. Nothing is sent there by itself (``fetches``): what is sealed is laid out, and travels in batches.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    fetches: ClassVar[bool] = True
    relays: ClassVar[bool] = True

    serves: tuple[Tree, ...] = ()
    parent: bool = False
    url: Address | None = None
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")] | None = None
    ca_file: LocalFile | None = None
    wait: Seconds = 25.0
    pause: Seconds = 60.0

    @model_validator(mode="after")
    def _above_or_below(self) -> Self:
        if self.parent == bool(self.serves):
            raise ValueError("serves = […], or url = … and parent = true")
        if self.parent != (self.url is not None):
            raise ValueError("url and parent = true stand together")
        return self

    @property
    def hub(self) -> Literal["child", "parent"]:
        return "parent" if self.parent else "child"

    @property
    def reach(self) -> Reach | None:
        """How the hub above is called; ``None``: this one is not called."""
        if self.url is None:
            return None
        return Reach(
            base_url=self.url,
            ca_file=self.ca_file,
            read_timeout=self.wait + 30.0,
            total_timeout=self.wait + 120.0,
            max_reply_bytes=16 * 2**20,
            connect_tries=1,
        )
