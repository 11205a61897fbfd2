"""What readers and writers of mapping tables are compiled with: the lines of one function, and its complaints.

The text that is compiled holds only names made here, numbers, and ``repr`` of words from the table. Converters and nested
records are handed in as objects.
"""

from __future__ import annotations

from typing import Any

from schemas.problems import MAX_PROBLEMS, Problem, Wrong

Tree = dict[str, Any]


class Complaints:
    """What is wrong so far, at most ``MAX_PROBLEMS``. ``key``: the transfer's or the sender's key, for rows that carry it."""

    def __init__(self, ref: str, key: str) -> None:
        self.ref = ref
        self.key = key
        self.problems: list[Problem] = []

    def add(self, code: str, place: str, rule: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code=code, place=place, rule=f"{self.ref} {rule}"))


class Code:
    """Lines of one function, and the objects it names."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.objects: dict[str, Any] = {"Wrong": Wrong, "tree": dict}
        self._slots: dict[str, str] = {}
        self._depth = 1

    def put(self, *lines: str) -> None:
        self.lines.extend("    " * self._depth + line for line in lines)

    def inside(self) -> Code:
        nested = object.__new__(Code)
        nested.lines, nested.objects, nested._slots = self.lines, self.objects, self._slots
        nested._depth = self._depth + 1
        return nested

    def name(self, thing: object) -> str:
        for known, value in self.objects.items():
            if value is thing:
                return known
        name = f"o{len(self.objects)}"
        self.objects[name] = thing
        return name

    def slot(self, path: str) -> str:
        """Name a local variable of the function for a place; it is ``None`` until something is put there."""
        return self._slots.setdefault(path, f"h{len(self._slots)}")

    def made(self, function: str) -> Any:  # noqa: ANN401 - a reader or a writer
        space: dict[str, Any] = dict(self.objects)
        if self._slots:
            self.lines.insert(1, f"    {' = '.join(self._slots.values())} = None")
        exec(compile("\n".join(self.lines), f"<{function}>", "exec"), space)  # noqa: S102 - our own text: names made here and repr of table words
        return space["function"]


def fetch(path: str, top: str) -> str:
    """Return an expression for the value at ``path`` of the canonical tree ``top``, None when something on the way is absent."""
    if path == ".":
        return top
    expression = top
    steps = path.split(".")
    for step in steps[:-1]:
        expression = (
            f"({expression}[{step}] if len({expression}) > {step} else E)"
            if step.isdigit()
            else f"({expression}.get({step!r}) or E)"
        )
    return f"{expression}.get({steps[-1]!r})"
