"""Where a command writes. Data goes to ``out``, everything said to a person goes to ``err``.

Nothing that came from outside reaches a terminal with its control characters: a partner's fault text must not be able
to move the cursor or rewrite a line.
"""

from __future__ import annotations

import re
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """One line, without control and bidirectional-override characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def clean_lines(text: str) -> str:
    return _CONTROL_BUT_LINES.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Screen:
    """``terminal``: ``out`` is one; ``asks``: a person can be asked; ``colour``: allowed on terminals."""

    out: TextIO
    err: TextIO
    source: TextIO
    terminal: bool
    asks: bool
    colour: bool
    width: int

    def write(self, line: str) -> None:
        self.out.write(f"{line}\n")

    def write_bytes(self, payload: bytes) -> None:
        """Exact bytes into a pipe; on a terminal the text, made harmless."""
        buffer = None if self.terminal else getattr(self.out, "buffer", None)
        if buffer is None:
            self.write(clean_lines(payload.decode("utf-8", "replace")))
            return
        self.out.flush()
        buffer.write(payload)
        buffer.flush()

    def tell(self, line: str) -> None:
        """Say something to the person; after the data that was written before."""
        self.out.flush()
        self.err.write(f"{line}\n")

    def ask(self, question: str) -> str:
        """Return the answer; empty at the end of the input."""
        self.out.flush()
        self.err.write(f"{question} ")
        self.err.flush()
        return self.source.readline().strip()

    def secret(self, question: str) -> str:
        """Return what is typed, without showing it; or the first line of what is piped in."""
        if not self.asks:
            return self.source.readline().strip()
        terminal = self.source.fileno()
        before = termios.tcgetattr(terminal)
        hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        try:
            termios.tcsetattr(terminal, termios.TCSADRAIN, hidden)
            return self.ask(question)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
            self.err.write("\n")

    def console(self) -> Console:
        from rich.console import Console  # noqa: PLC0415 - only tables in a terminal need it

        return Console(
            file=self.out,
            force_terminal=self.terminal,
            color_system="auto" if self.colour else None,
            width=self.width,
            markup=False,
            highlight=False,
            emoji=False,
            soft_wrap=False,
        )


def screen_of(out: TextIO, err: TextIO, source: TextIO, environment: Mapping[str, str], width: int) -> Screen:
    """Look at the three streams and at ``NO_COLOR`` (no-color.org: any non-empty value)."""
    return Screen(
        out=out,
        err=err,
        source=source,
        terminal=out.isatty(),
        asks=source.isatty() and err.isatty(),
        colour=not environment.get("NO_COLOR") and environment.get("TERM") != "dumb",
        width=width,
    )
