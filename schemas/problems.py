"""What is wrong with an input, said once for API, SOAP fault, console, command line and docs.

A ``Problem`` names a code of the catalogue (``schemas/errors.toml``) and the place of the error. It never carries a
value taken from the input: places are paths and lines, so a problem may be logged and shown to anyone who may see
the structure of a message. ``Refusal`` is the one exception by which any room says no to an input.
"""

from __future__ import annotations

import msgspec

MAX_PROBLEMS = 50
"""So many are told of one input; more would not help whoever mends it."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong, at one place.

    ``code``: stable code of the catalogue, ``HUB-<area>-<nnn>``.
    ``place``: JSON pointer, prefixed element path, header or file key; empty when the whole input is meant.
    ``line``: 1-based line in the bytes that were received; 0 when unknown.
    ``rule``: the rule that was broken, in the words of its source (``xs:date``, ``maxLength 1000``, ``mapping motcua@1 due_at``).
    ``detail``: a short addition in neutral words; no values from the input.
    """

    code: str
    place: str = ""
    line: int = 0
    rule: str = ""
    detail: str = ""


class Refusal(Exception):  # noqa: N818 - the field's word: Từ chối
    """An input is refused; nothing of it is kept but code, digest and size."""

    def __init__(self, *problems: Problem) -> None:
        """Take at least one problem; the first one decides the code of the answer."""
        if not problems:
            raise ValueError("a refusal names at least one problem")
        super().__init__(", ".join(f"{p.code} {p.place}".strip() for p in problems))
        self.problems = problems

    @property
    def code(self) -> str:
        return self.problems[0].code

    def __reduce__(self) -> tuple[type[Refusal], tuple[Problem, ...]]:
        """Cross process borders whole: verifying and translating run in a process pool."""
        return (Refusal, self.problems)


class Wrong(Exception):  # noqa: N818 - reads as what it is
    """A value breaks its converter's rule. Carries a code and the rule, never the value."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(f"{code} {rule}")
        self.code = code
        self.rule = rule


def refuse(code: str, place: str = "", *, line: int = 0, rule: str = "", detail: str = "") -> Refusal:
    """Build a refusal with one problem; the caller raises it."""
    return Refusal(Problem(code=code, place=place, line=line, rule=rule, detail=detail))
