"""TOML files whose every key is known: read them, and name each wrong key with its file, line and path.

``tomllib`` keeps no positions, so ``lines`` walks the text a second time, over text that tomllib has already accepted.
A place reads ``so-tnmt.toml: receives.replies[0].outcome``. No value of the file enters a problem: it may be a secret.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Steps = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)
_SCALAR = re.compile(r"[^,\]}#\n]*")
_POSITION = re.compile(r"\s*\(at line (\d+), column \d+\)$")


class Source:
    """One TOML file: its values, its name, and the line of each path. ``code``: what its problems are called."""

    def __init__(self, path: Path, code: str) -> None:
        """Read the file. Raises ``Refusal`` when it cannot be read or is not TOML."""
        self.path, self.name, self.code = path, path.name, code
        try:
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            raise Refusal(
                Problem(code=code, place=self.name, rule="file can be read", detail=type(error).__name__)
            ) from None
        except UnicodeDecodeError:
            raise Refusal(Problem(code=code, place=self.name, rule="file is UTF-8")) from None
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Refusal(self._not_toml(str(error))) from None
        self.lines = lines(text)

    def problem(self, path: Steps, rule: str, detail: str = "") -> Problem:
        """Name one wrong key; the line is that of the nearest key that exists."""
        return Problem(
            code=self.code, place=self._place(path), line=self._line(path), rule=rule, detail=detail
        )

    def read(
        self, model: type[Model], values: dict[str, Any], under: Steps = (), context: object = None
    ) -> Model:
        """Build the model from ``values`` found at ``under``; raises ``Refusal`` with every problem of it."""
        try:
            return model.model_validate(values, context=context)
        except ValidationError as error:
            raise Refusal(*self._problems(error, under)) from None

    def _problems(self, error: ValidationError, under: Steps) -> Sequence[Problem]:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return [self.wrong(under + one["loc"], one["type"], one["msg"]) for one in found]

    def wrong(self, path: Steps, kind: str, message: str) -> Problem:
        """Name what a model found wrong; ``kind`` and ``message`` are pydantic's."""
        return self.problem(path, _rule(kind, message))

    def _place(self, path: Steps) -> str:
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return f"{self.name}: {steps.lstrip('.')}" if steps else self.name

    def _line(self, path: Steps) -> int:
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def _not_toml(self, said: str) -> Problem:
        at = _POSITION.search(said)
        return Problem(
            code=self.code,
            place=self.name,
            line=int(at.group(1)) if at else 1,
            rule="TOML",
            detail=_POSITION.sub("", said),
        )


def _rule(kind: str, message: str) -> str:
    """Keep pydantic's words, but never what a validator of ours prefixed."""
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "key is required"
    return message.removeprefix("Value error, ")


def lines(text: str) -> dict[Steps, int]:
    """Return the 1-based line of every key, table and array element of a valid TOML text."""
    return _Walk(text).walk()


class _Walk:
    """One pass over the text. ``at``: where we are; ``found``: path → line; ``counts``: how often ``[[name]]`` stood."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text.replace("\r\n", "\n"), 0
        self.found: dict[Steps, int] = {}
        self.counts: dict[Steps, int] = {}
        self.seen, self.line = 0, 1

    def walk(self) -> dict[Steps, int]:
        table: Steps = ()
        while self._skip(_SPACE) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.found

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _note(self, path: Steps, at: int) -> None:
        self.line += self.text.count("\n", self.seen, at)
        self.seen = at
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], self.line)

    def _header(self) -> Steps:
        start, double = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        path = self._resolve(self._key())
        self.at = self.text.index("]", self.at) + (2 if double else 1)
        if double:
            number = self.counts.get(path, 0)
            self.counts[path] = number + 1
            path = (*path, number)
        self._note(path, start)
        return path

    def _resolve(self, key: Steps) -> Steps:
        """``[a.b]`` below ``[[a]]`` means the last ``a``."""
        path: Steps = ()
        for number, step in enumerate(key):
            path = (*path, step)
            if path in self.counts and number < len(key) - 1:
                path = (*path, self.counts[path] - 1)
        return path

    def _pair(self, table: Steps) -> None:
        start = self.at
        path = table + self._key()
        self._note(path, start)
        self.at = self.text.index("=", self.at) + 1
        self._value(path)

    def _key(self) -> Steps:
        steps: list[str | int] = []
        while True:
            self._skip(_BLANK)
            steps.append(self._step())
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return tuple(steps)
            self.at += 1

    def _step(self) -> str:
        start = self.at
        if self.text[start] in "\"'":
            self._string()
            return next(iter(tomllib.loads(f"{self.text[start : self.at]} = 0")))
        self._skip(_BARE)
        return self.text[start : self.at]

    def _string(self) -> bool:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return True
        return False

    def _value(self, path: Steps) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == "[":
            self._array(path)
        elif self.text[self.at] == "{":
            self._inline(path)
        elif not self._string():
            self._skip(_SCALAR)

    def _array(self, path: Steps) -> None:
        self.at, number = self.at + 1, 0
        while self.text[self._skip(_SPACE)] != "]":
            self._note((*path, number), self.at)
            self._value((*path, number))
            number += 1
            self._comma()
        self.at += 1

    def _inline(self, path: Steps) -> None:
        self.at += 1
        while self.text[self._skip(_SPACE)] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        if self.text[self._skip(_SPACE)] == ",":
            self.at += 1
