"""Strict reading of JSON: no duplicate keys (RFC 8259 leaves them open, we do not), no NaN, no number that a double or 63 bits cannot hold.

Texts leave in NFC; characters that XML 1.0 cannot carry (section 2.2) are refused here too. A problem never repeats a value.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from schemas.problems import MAX_PROBLEMS, Problem, Refusal, refuse
from schemas.text import LIMITS, NOT_XML, Limits, is_nfc, tidy_text, utf8

_BOM = b"\xef\xbb\xbf"
_MAX_INTEGER = 2**63


class _Duplicate(ValueError):  # noqa: N818 - never leaves this file
    """A key stands twice; where, a second look tells."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else _MAX_INTEGER  # noqa: PLR2004 - no 63-bit number is longer
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise refuse("HUB-SCH-002", rule="a number within 63 bits")
    return value


def _number(text: str) -> float:
    value = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent beyond what decimals can say
        exact = False
    if not exact:
        raise refuse("HUB-SCH-002", rule="a number that a double holds exactly")
    return value


def _constant(_: str) -> NoReturn:
    raise refuse("HUB-SCH-001", rule="RFC 8259: no NaN, no Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)

_TOLERANT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)


def parse_json(raw: bytes, limits: Limits = LIMITS) -> Any:  # noqa: ANN401 - any JSON value
    """Read one JSON text strictly. Raises ``Refusal``: HUB-SCH-001, -002, -005, -008, -012."""
    if len(raw) > limits.size:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.size} bytes")
    if raw[:3] == _BOM:
        raise refuse("HUB-SCH-008", line=1, rule="RFC 8259 section 8.1: no byte order mark")
    marks = raw.translate(None, _NO_MARKS)
    tree = _quickly(raw, marks)
    if tree is None:
        tree = _carefully(raw, limits)
    if marks.count(b"[") + marks.count(b"{") > limits.depth:
        _check_depth(tree, limits.depth)
    return tree if _plain(raw) and is_nfc(raw) else _tidy(tree, raw.decode())


def _carefully(raw: bytes, limits: Limits) -> Any:  # noqa: ANN401 - any JSON value
    """Look at each key and number by itself, and say what is wrong and where."""
    text = utf8(raw)
    try:
        try:
            return _DECODER.decode(text)
        except _Duplicate:
            _TOLERANT.decode(text)  # what is no JSON further on is told first
            raise _duplicates(text) from None
    except json.JSONDecodeError as error:
        raise refuse("HUB-SCH-001", line=error.lineno, rule="RFC 8259", detail=error.msg) from None
    except RecursionError:
        raise refuse("HUB-SCH-012", rule=f"at most {limits.depth} levels") from None


_NO_MARKS = bytes(set(range(256)) - set(b'[{"\\'))
_QUICK = msgspec.json.Decoder(float_hook=_number)
_WIDE = b"\xcf"
"""What MessagePack writes before a whole number that may be over 63 bits; a text that holds it is looked at carefully too."""


def _quickly(raw: bytes, marks: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the tree of what is plainly right; ``None`` for all that needs a careful look. ``marks``: its brackets, quotes and backslashes.

    A key that stands twice is lost in the tree, and its quotes with it: written again, the tree has fewer. A quote that is
    spelled by its number would hide that.
    """
    if b"\\" in marks and b"\\u" in raw:
        return None
    try:
        tree = _QUICK.decode(raw)
        whole = msgspec.json.encode(tree).count(b'"') == marks.count(b'"')
        return tree if whole and _WIDE not in msgspec.msgpack.encode(tree) else None
    except Exception:  # noqa: BLE001 - whatever it is, the careful look says it
        return None


def _plain(raw: bytes) -> bool:
    """No escape that could hide a character from a look at the bytes, and no U+FFFE or U+FFFF."""
    if b"\\" in raw and (b"\\u" in raw or b"\\b" in raw or b"\\f" in raw):
        return False
    return b"\xef" not in raw or b"\xef\xbf" not in raw


def _check_depth(tree: object, depth: int) -> None:
    level = [tree]
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise refuse("HUB-SCH-012", rule=f"at most {depth} levels")


_UNCARRIED = ("HUB-SCH-002", "XML 1.0 section 2.2: no control characters")
_ONE_NAME = ("HUB-SCH-005", "RFC 8259 section 4: names are unique, in NFC")


def _tidy(tree: object, text: str) -> object:
    tidying = _Tidying()
    tidied = tidying.value(tree, "")
    if tidying.wrong:
        lines = json_lines(text)
        raise Refusal(
            *(
                Problem(code=code, place=_shown(place), line=lines.get(place, 0), rule=rule)
                for place, (code, rule) in tidying.wrong[:MAX_PROBLEMS]
            )
        )
    return tidied


class _Tidying:
    """Brings names and texts into NFC, and collects what cannot be brought there."""

    def __init__(self) -> None:
        self.wrong: list[tuple[str, tuple[str, str]]] = []

    def value(self, node: object, place: str) -> object:
        if isinstance(node, str):
            return self._text(node, place)
        if isinstance(node, list):
            return [self.value(child, f"{place}/{index}") for index, child in enumerate(node)]
        return self._record(node, place) if isinstance(node, dict) else node

    def _text(self, text: str, place: str) -> str | None:
        tidied = tidy_text(text)
        if tidied is None:
            self.wrong.append((place, _UNCARRIED))
        return tidied

    def _record(self, node: dict[str, object], place: str) -> dict[str | None, object]:
        made: dict[str | None, object] = {}
        for key, child in node.items():
            name, inside = self._text(key, place), f"{place}/{pointer_token(key)}"
            if name in made:
                self.wrong.append((inside, _ONE_NAME))
            made[name] = self.value(child, inside)
        return made


def _shown(place: str) -> str:
    """Names of the text stand in places; a refusal is written in XML and UTF-8, which do not carry all that JSON can spell."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", place)


def pointer_token(key: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901 section 3)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


_TOKEN = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)')


def _walk(text: str) -> list[tuple[str, int, bool]]:
    """Pointers of well-formed JSON with their lines, in order; true for a key that repeats one before it."""
    found: list[tuple[str, int, bool]] = []
    stack: list[tuple[str, set[str] | None, int]] = []  # place, keys seen (None: a list), next index
    place, expects_key = "", False
    line, at = 1, 0
    for match in _TOKEN.finditer(text.rstrip(" \t\r\n")):
        mark, start = match[1], match.start(1)
        line += text.count("\n", at, start)
        at = start
        if mark in "{[":
            found.append((place, line, False))
            stack.append((place, set() if mark == "{" else None, 0))
            expects_key = mark == "{"
            place = place if expects_key else f"{place}/0"
        elif mark in "]}":
            stack.pop()
        elif mark == ",":
            base, keys, index = stack[-1]
            expects_key = keys is not None
            if not expects_key:
                stack[-1] = (base, keys, index + 1)
                place = f"{base}/{index + 1}"
        elif expects_key:
            base, keys, _ = stack[-1]
            key = json.loads(mark)
            place = f"{base}/{pointer_token(key)}"
            if keys is not None:
                if key in keys:
                    found.append((place, line, True))
                keys.add(key)
            expects_key = False
        elif mark != ":":
            found.append((place, line, False))
    return found


def json_lines(text: str) -> dict[str, int]:
    """1-based line of every value, by JSON pointer. For what has gone wrong; nothing on the fast path calls it."""
    lines: dict[str, int] = {}
    for place, line, _ in _walk(text):
        lines.setdefault(place, line)
    return lines


def _duplicates(text: str) -> Refusal:
    twice = [(place, line) for place, line, repeats in _walk(text) if repeats][:MAX_PROBLEMS]
    rule = "RFC 8259 section 4: names are unique"
    return Refusal(
        *(Problem(code="HUB-SCH-005", place=_shown(place), line=line, rule=rule) for place, line in twice)
    )
