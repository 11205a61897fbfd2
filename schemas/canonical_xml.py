"""Writes trees of texts as canonical XML (exclusive C14N 1.0 of itself), so that what is written can be signed as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from schemas.code import Tree


class Spaces(NamedTuple):
    """The namespace of a record's elements, and by name what holds inside those that are records themselves."""

    own: str
    inside: dict[str, Spaces] = {}  # noqa: RUF012 - nobody writes into it


def document(root: str, namespace: str, record: Tree, spaces: Spaces | None = None) -> bytes:
    """Canonical XML (exclusive C14N 1.0 of itself): no prefix, no insignificant space, start and end tags always.

    Written without escapes first. When the whole has exactly the marks of its own tags, no text holds one and there was
    nothing to escape; otherwise it is written again with escapes. ``spaces``: where not all are in the root's namespace; then each
    element says its own where that is another than around it.
    """
    if spaces is not None:
        return _spaced(root, namespace, record, spaces)
    out = [f'<{root} xmlns="{namespace}"{attributes(record)}>']
    tags = 2 + _serialise(record, out)
    out.append(f"</{root}>")
    text = "".join(out)
    if text.count("<") == tags and text.count(">") == tags and "&" not in text and "\r" not in text:
        return text.encode()
    out = [out[0]]
    _serialise(_escaped(record), out)
    out.append(f"</{root}>")
    return "".join(out).encode()


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
    out = [f'<{root} xmlns="{namespace}"{attributes(record)}>']
    _serialise_spaced(_escaped(record), spaces, namespace, out)
    out.append(f"</{root}>")
    return "".join(out).encode()


def _serialise_spaced(record: Tree, spaces: Spaces, around: str, out: list[str]) -> None:
    declared = "" if spaces.own == around else f' xmlns="{spaces.own}"'
    for name, value in record.items():
        for one in value if isinstance(value, list) else [value]:
            if name == "@":
                continue
            if isinstance(one, dict):
                out.append(f"<{name}{declared}{attributes(one)}>")
                _serialise_spaced(one, spaces.inside.get(name, spaces), spaces.own, out)
            else:
                out.append(f"<{name}{declared}>{one}")
            out.append(f"</{name}>")


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
