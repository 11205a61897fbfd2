"""Writes trees of texts as canonical XML (exclusive C14N 1.0 of itself), so that what is written can be signed as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.xml_names import TEXT, XSI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.code import Tree


class Spaces(NamedTuple):
    """The namespace of a record's elements, by name what holds inside those that are records themselves, and what prefixes mean."""

    own: str
    inside: dict[str, Spaces] = {}  # noqa: RUF012 - nobody writes into it
    prefixes: dict[str, str] = {}  # noqa: RUF012 - nobody writes into it


def document(root: str, namespace: str, record: Tree, spaces: Spaces | None = None) -> bytes:
    """Canonical XML (exclusive C14N 1.0 of itself): no prefix, no insignificant space, start and end tags always.

    Written without escapes first. When the whole has exactly the marks of its own tags, no text holds one and there was
    nothing to escape; otherwise it is written again with escapes. ``spaces``: where not all is an element in the root's namespace; then each
    element says its own where that is another than around it, and ``@name``, ``#text`` and ``None`` are attributes, text and nil.
    """
    if spaces is not None:
        return _spaced(root, namespace, record, spaces)
    out = [f"<{root}{declared(namespace)}{attributes(record)}>"]
    tags = 2 + _serialise(record, out)
    out.append(f"</{root}>")
    text = "".join(out)
    if text.count("<") == tags and text.count(">") == tags and "&" not in text and "\r" not in text:
        return text.encode()
    out = [out[0]]
    _serialise(_escaped(record), out)
    out.append(f"</{root}>")
    return "".join(out).encode()


def declared(namespace: str) -> str:
    """Say the default namespace of a first element; one in none says nothing."""
    return f' xmlns="{_attribute(namespace)}"' if namespace else ""


def _serialise(record: Tree, out: list[str]) -> int:
    """Append the record's elements; return how many tags they have."""
    tags = 0
    for name, value in record.items():
        kind = type(value)
        if kind is str:
            out.append(f"<{name}>{value}</{name}>")
            tags += 2
        elif kind is dict:
            if name == "@":
                continue
            out.append(f"<{name}{attributes(value)}>")
            tags += 2 + _serialise(value, out)
            out.append(f"</{name}>")
        elif kind is list:
            for item in value:
                tags += _serialise({name: item}, out)
        else:
            out.append(f"<{name}>{value}</{name}>")
            tags += 2
    return tags


def _spaced(root: str, namespace: str, record: Tree, spaces: Spaces) -> bytes:
    out: list[str] = []
    _put(root, namespace, record, spaces, _Scope("", frozenset()), out)
    return "".join(out).encode()


class _Scope(NamedTuple):
    """What elements around have declared: the default namespace, and prefixes."""

    default: str
    prefixes: frozenset[str]


def _put(name: str, namespace: str, value: Any, spaces: Spaces, scope: _Scope, out: list[str]) -> None:  # noqa: ANN401 - a tree of texts
    """Append one element. ``spaces``: of what it holds."""
    local = name.rpartition(":")[2]
    spaced = "" if namespace == scope.default else f' xmlns="{_attribute(namespace)}"'
    marks = sorted(_marks(value, spaces))
    new = {mark.prefix: mark.namespace for mark in marks if mark.prefix not in {"", "xml", *scope.prefixes}}
    spaced += "".join(f' xmlns:{prefix}="{_attribute(new[prefix])}"' for prefix in sorted(new))
    out.append(f"<{local}{spaced}{''.join(map(str, marks))}>")
    if isinstance(value, dict):
        _put_inside(value, spaces, _Scope(namespace, scope.prefixes | new.keys()), out)
    elif value is not None:
        out.append(escaped(value))
    out.append(f"</{local}>")


def _put_inside(record: Tree, spaces: Spaces, scope: _Scope, out: list[str]) -> None:
    for name, value in record.items():
        if name.startswith("@"):
            continue
        if name == TEXT:
            out.append(escaped(value))
            continue
        prefix = name.rpartition(":")[0]
        namespace = spaces.prefixes.get(prefix, "") if prefix else spaces.own
        for one in value if isinstance(value, list) else [value]:
            _put(name, namespace, one, spaces.inside.get(name, spaces), scope, out)


class _Mark(NamedTuple):
    """An attribute, in the order of canonical XML: by namespace, then by name (C14N 1.0 section 2.3)."""

    namespace: str
    local: str
    prefix: str
    text: str

    def __str__(self) -> str:
        name = f"{self.prefix}:{self.local}" if self.prefix else self.local
        return f' {name}="{_attribute(self.text)}"'


def _marks(value: Any, spaces: Spaces) -> Iterator[_Mark]:  # noqa: ANN401 - a tree of texts
    if value is None:
        yield _Mark(XSI, "nil", "xsi", "true")
    if not isinstance(value, dict):
        return
    for name, text in value.get("@", {}).items():
        yield _Mark("", name, "", str(text))
    for name, text in value.items():
        if name.startswith("@") and name != "@":
            prefix, _, local = name[1:].rpartition(":")
            yield _Mark(spaces.prefixes.get(prefix, "") if prefix else "", local, prefix, str(text))


def _escaped(node: Any) -> Any:  # noqa: ANN401 - a tree of texts
    if isinstance(node, dict):
        return {name: node[name] if name == "@" else _escaped(node[name]) for name in node}
    return [_escaped(item) for item in node] if isinstance(node, list) else escaped(node)


def escaped(value: object) -> str:
    """Escape as canonical XML does (C14N 1.0 section 2.3, text nodes)."""
    text = str(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def attributes(record: Tree) -> str:
    found = record.get("@")
    if not found:
        return ""
    return "".join(f' {name}="{_attribute(found[name])}"' for name in sorted(found))


_IN_ATTRIBUTES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    ('"', "&quot;"),
    ("\t", "&#x9;"),
    ("\n", "&#xA;"),
    ("\r", "&#xD;"),
)


def _attribute(text: str) -> str:
    """Escape as canonical XML does (C14N 1.0 section 2.3, attribute nodes)."""
    for plain, escaped in _IN_ATTRIBUTES:
        text = text.replace(plain, escaped)
    return text
