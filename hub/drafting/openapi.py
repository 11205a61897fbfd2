"""OpenAPI 3.0 and 3.1, Swagger 2: operations with JSON bodies, what they take, answer and want beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.drafting.jsons import Tree, field_of, file_of, resolved, standalone
from hub.drafting.outline import Operation, Outline, unusable
from schemas.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.drafting.jsons import Node
    from hub.drafting.outline import Field

_METHODS = ("post", "put", "patch")
_APPLICATION = "application/json"
_SHARED = "x-lienthong-parameters-of-the-path"


def described(tree: object) -> bool:
    return isinstance(tree, dict) and ("openapi" in tree or "swagger" in tree)


def read(raw: bytes, file: str) -> Outline:
    """Read OpenAPI 3.0 and 3.1 or Swagger 2. Raises ``Refusal`` HUB-CFG-003."""
    tree = Tree(parse_json(raw))
    found: list[Operation] = []
    left: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for path, method, told in _calls(tree, file):
        name = _name(told, method, path)
        schema = _body(told, tree, file)
        takes = None if schema is None else field_of(schema, name, tree, (), required=True)
        if takes is None or not takes.fields:
            left[name] = "no JSON body" if takes is None else "no object in its body"
            continue
        found.append(
            Operation(
                name=name,
                takes=takes,
                answers=_answer(told, tree, file),
                path=path,
                method=method.upper(),
                wants=tuple(_wants(told, tree, file)),
            )
        )
        files[f"{name}.json"] = file_of(standalone(schema, tree, file))["1.json"]
    if not found:
        raise unusable(file, "a POST, PUT or PATCH with a JSON object", "; ".join(left))
    return Outline(
        kind="openapi",
        media="json",
        operations=tuple(found),
        files=files,
        left=left,
        address=_address(tree),
    )


def _address(tree: Tree) -> str:
    """OpenAPI 3: the first server, its variables as they are by default; Swagger 2: scheme, host and base path."""
    if "swagger" in tree:
        scheme = next((str(each) for each in tree.get("schemes") or () if each == "https"), "http")
        return f"{scheme}://{tree['host']}{tree.get('basePath') or ''}" if tree.get("host") else ""
    server = next((each for each in tree.get("servers") or () if isinstance(each, dict)), {})
    address = str(server.get("url") or "")
    for name, told in (server.get("variables") or {}).items():
        address = address.replace(f"{{{name}}}", str((told or {}).get("default") or ""))
    return address


def _body(told: Node, tree: Tree, file: str) -> Node | None:
    """Return the schema of a JSON body. Swagger 2 has it as a parameter; ``formData`` is none."""
    if "swagger" in tree:
        media = told.get("consumes") or tree.get("consumes") or [_APPLICATION]
        bodies = (each for each in _parameters(told, tree, file) if each.get("in") == "body")
        found = next(bodies, None) if any(map(_is_json, media)) else None
        return None if found is None else found.get("schema") or {}
    content = resolved(told.get("requestBody") or {}, tree, file).get("content") or {}
    body = next((each for media, each in content.items() if _is_json(media)), None)
    return None if body is None else body.get("schema") or {}


def _is_json(media: str) -> bool:
    bare = media.partition(";")[0].strip()
    return bare in {_APPLICATION, "*/*"} or bare.endswith("+json")


def _parameters(told: Node, tree: Tree, file: str) -> Iterator[Node]:
    for each in (*(told.get("parameters") or ()), *(told.get(_SHARED) or ())):
        yield resolved(each, tree, file)


def _wants(told: Node, tree: Tree, file: str) -> Iterator[str]:
    """Parameters that a call must have, and how it shows who it is."""
    for each in _parameters(told, tree, file):
        if each.get("required") and each.get("in") in {"header", "query", "cookie"}:
            yield f"{each['in']} {each.get('name')}"
    schemes = tree.get("securityDefinitions") or (tree.get("components") or {}).get("securitySchemes") or {}
    for choice in told.get("security", tree.get("security")) or ():
        for name in choice:
            scheme = resolved(schemes.get(name) or {}, tree, file)
            inside = (scheme.get(key) for key in ("type", "scheme", "in", "name"))
            yield " ".join(("security", *(str(each) for each in inside if each)))


def _calls(tree: Tree, file: str) -> Iterator[tuple[str, str, Node]]:
    paths = tree.get("paths")
    if not isinstance(paths, dict):
        raise unusable(file, "an OpenAPI document with paths")
    for path, item in paths.items():
        for method in _METHODS:
            told = item.get(method) if isinstance(item, dict) else None
            if isinstance(told, dict):
                yield str(path), method, {**told, _SHARED: item.get("parameters")}


def _name(told: Node, method: str, path: str) -> str:
    plain = "".join(
        letter if letter.isalnum() else "_" for letter in str(told.get("operationId") or f"{method}{path}")
    )
    return plain.strip("_") or method


def _answer(told: Node, tree: Tree, file: str) -> Field | None:
    for status, answer in (told.get("responses") or {}).items():
        if str(status).startswith("2"):
            node = resolved(answer, tree, file)
            content = (each for media, each in (node.get("content") or {}).items() if _is_json(media))
            schema = node.get("schema") if "swagger" in tree else _first(content).get("schema")
            if schema is not None:
                return field_of(schema, "answer", tree, (), required=True)
    return None


def _first(found: Iterator[Node]) -> Node:
    return next(found, {})
