"""What every command has at hand; made once per run and passed in, never global."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable  # noqa: TC003 - cyclopts reads the annotations at run time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from pathlib import Path  # noqa: TC003
from typing import Annotated

from cyclopts import Parameter

from hub.cli.opening import Checker, Hub, Keeper, Opener, Programs  # noqa: TC001
from hub.cli.screen import Screen  # noqa: TC001
from hub.cli.words import Speech  # noqa: TC001


class Complaint(Exception):  # noqa: N818 - the person's input is not an error of ours
    """The command was used wrongly or cannot go on; ``word`` names the sentence. Ends with ``status``."""

    def __init__(self, word: str, status: int, /, **values: object) -> None:
        """Take the name of a word in ``words.toml`` and the values of its places."""
        super().__init__(word)
        self.word, self.status, self.values = word, status, values


@dataclass(frozen=True)
class Desk:
    """``by``: who acts, for the journal. ``settings``: path of the settings file."""

    speech: Speech
    screen: Screen
    settings: Path
    as_json: bool
    open: Opener
    check: Checker
    programs: Programs
    keep: Keeper
    now: Callable[[], datetime]
    by: str

    def say(self, name: str, /, **values: object) -> str:
        return self.speech.say(name, **values)

    def tell(self, name: str, /, **values: object) -> None:
        self.screen.tell(self.say(name, **values))

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[Hub]:
        hub = await self.open(self.settings)
        try:
            yield hub
        finally:
            await hub.close()


At = Annotated[Desk, Parameter(parse=False)]
"""How a command takes its desk: handed in by ``main``, not typed by a person."""
