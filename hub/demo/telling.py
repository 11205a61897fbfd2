"""What the demonstration says: each thing in Vietnamese and English, and nobody is left looking at a screen on which nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

SILENCE = 5.0
"""Seconds after which a person who sees nothing new is told what is going on."""


class Failed(Exception):  # noqa: N818 - the demonstration's own word
    """What was promised is not so."""


class Told:
    """Prints each thing in Vietnamese and English."""

    def __init__(self) -> None:
        self._words = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
        self._last = time.monotonic()

    @contextlib.asynccontextmanager
    async def meanwhile(
        self, name: str, values: Callable[[], Mapping[str, object]] = dict, silence: float = SILENCE
    ) -> AsyncIterator[None]:
        """Say it whenever nothing was said for so long."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(silence / 5)
                if time.monotonic() - self._last >= silence:
                    self(name, "…", **values())

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def __call__(self, name: str, mark: str = "✓", **values: object) -> None:
        word = self._words[name]
        self.both(word["vi"].format(**values), word["en"].format(**values), mark)

    def both(self, vi: str, en: str, mark: str = "✓") -> None:
        """Say what has its own words."""
        self._last = time.monotonic()
        print(f"{mark} {vi}\n  {en}", flush=True)

    def line(self, text: str = "") -> None:
        print(text, flush=True)


def short(path: Path) -> str:
    """The way to a file from where the reader stands."""
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)
