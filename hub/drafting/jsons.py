"""JSON Schema and OpenAPI 3: operations with bodies, and their fields. References are followed inside the document only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.drafting.outline import DEEPEST, MANY, MOST_FIELDS, Field, Operation, Outline, unusable
from schemas.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_METHODS = ("post", "put")
_APPLICATION = "application/json"
_SCALARS = {"string", "integer", "number", "boolean"}
_NOT_IN_SCHEMA = frozenset({"nullable", "example", "xml", "discriminator", "externalDocs"})


class _Tree(dict[str, Any]):
    """A document. ``left``: how many more of its schemas are looked at; where they mean each other they multiply with each level."""

    left = MOST_FIELDS


def read(raw: bytes, file: str) -> Outline:
    """Read a JSON document: OpenAPI 3 by its ``openapi``, a JSON Schema by ``$schema`` or ``properties``."""
    tree = parse_json(raw)
    if not isinstance(tree, dict):
        raise unusable(file, "an object: OpenAPI 3, a JSON Schema or a sample message")
    if "swagger" in tree:
        raise unusable(file, "OpenAPI 3", "swagger 2: convert it first")
    return _openapi(_Tree(tree), file) if "openapi" in tree else _schema(_Tree(tree))


def described(tree: object) -> bool:
    """Whether a document describes messages, rather than being one."""
    return isinstance(tree, dict) and (
        "openapi" in tree or "swagger" in tree or "$schema" in tree or tree.get("type") == "object"
    )


def _schema(tree: _Tree) -> Outline:
    takes = _field(tree, "message", tree, (), required=True)
    body = {"$schema": DIALECT, **tree}
    return Outline(
        kind="json-schema",
        media="json",
        operations=(Operation(name="message", takes=takes),),
        files=_file(body),
    )


def _file(body: Node) -> dict[str, bytes]:
    return {"1.json": json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"}


def _openapi(tree: _Tree, file: str) -> Outline:
    found: list[Operation] = []
    left: dict[str, str] = {}
    schemas: dict[str, Node] = {}
    for path, method, told in _calls(tree, file):
        name = _name(told, method, path)
        content = _resolved(told.get("requestBody") or {}, tree, file).get("content") or {}
        body = next(
            (each for media, each in content.items() if media.partition(";")[0] == _APPLICATION), None
        )
        if body is None:
            left[name] = "no JSON body"
            continue
        schema = body.get("schema") or {}
        takes = _field(schema, name, tree, (), required=True)
        if not takes.fields:
            left[name] = "no object in its body"
            continue
        found.append(
            Operation(
                name=name, takes=takes, answers=_answer(told, tree, file), path=path, method=method.upper()
            )
        )
        schemas[name] = schema
    if not found:
        raise unusable(file, "a POST or PUT with a JSON object", "; ".join(left))
    servers = tree.get("servers") or [{}]
    return Outline(
        kind="openapi",
        media="json",
        operations=tuple(found),
        files={
            f"{name}.json": _file(standalone(schema, tree, file))["1.json"]
            for name, schema in schemas.items()
        },
        left=left,
        address=str(servers[0].get("url") or "") if isinstance(servers[0], dict) else "",
    )


def _calls(tree: _Tree, file: str) -> Iterator[tuple[str, str, Node]]:
    paths = tree.get("paths")
    if not isinstance(paths, dict):
        raise unusable(file, "an OpenAPI document with paths")
    for path, item in paths.items():
        for method in _METHODS:
            told = item.get(method) if isinstance(item, dict) else None
            if isinstance(told, dict):
                yield str(path), method, told


def _name(told: Node, method: str, path: str) -> str:
    plain = "".join(
        letter if letter.isalnum() else "_" for letter in str(told.get("operationId") or f"{method}{path}")
    )
    return plain.strip("_") or method


def _answer(told: Node, tree: _Tree, file: str) -> Field | None:
    for status, answer in (told.get("responses") or {}).items():
        if str(status).startswith("2"):
            content = _resolved(answer, tree, file).get("content") or {}
            schema = (content.get(_APPLICATION) or {}).get("schema")
            if schema is not None:
                return _field(schema, "answer", tree, (), required=True)
    return None


def _resolved(node: object, tree: _Tree, file: str) -> Node:
    """Follow ``$ref`` inside the document. Raises ``Refusal`` for one that leads elsewhere."""
    seen = 0
    tree.left -= 1
    if tree.left < 0:
        raise unusable(file, f"at most {MOST_FIELDS} elements")
    while isinstance(node, dict) and "$ref" in node:
        ref = str(node["$ref"])
        seen += 1
        if not ref.startswith("#/") or seen > DEEPEST:
            raise unusable(file, "references inside the document only", ref[:200])
        node = tree
        for step in ref[2:].split("/"):
            step_ = step.replace("~1", "/").replace("~0", "~")
            node = node.get(step_) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise unusable(file, "references that lead somewhere")
    return node


def _field(schema: object, name: str, tree: _Tree, above: tuple[int, ...], *, required: bool) -> Field:
    node = _resolved(schema if isinstance(schema, dict) else {}, tree, name)
    least, most = (1 if required else 0), 1
    if _kind(node) == "array":
        node = _resolved(node.get("items") or {}, tree, name)
        most = MANY
    if id(node) in above or len(above) > DEEPEST:
        return Field(name=name, type="object", least=least, most=most, notes=("holds itself",))
    fields = tuple(_properties(node, tree, (*above, id(node))))
    longest = node.get("maxLength")
    return Field(
        name=name,
        type="object" if fields else _type(node),
        least=least,
        most=most,
        fields=fields,
        values=tuple(str(value) for value in node.get("enum") or () if isinstance(value, str)),
        longest=longest if isinstance(longest, int) else None,
    )


def _kind(node: Node) -> str:
    told = node.get("type")
    if isinstance(told, list):
        told = next((each for each in told if each != "null"), "")
    return str(told or ("object" if "properties" in node else ""))


def _type(node: Node) -> str:
    kind, form = _kind(node), node.get("format")
    return f"{kind or 'any'}:{form}" if form else kind or "any"


def _properties(node: Node, tree: _Tree, above: tuple[int, ...]) -> Iterator[Field]:
    for part in node.get("allOf") or ():
        yield from _properties(_resolved(part, tree, "allOf"), tree, above)
    wanted = node.get("required") if isinstance(node.get("required"), list) else []
    for name, schema in (node.get("properties") or {}).items():
        yield _field(schema, str(name), tree, above, required=name in (wanted or []))


def standalone(schema: object, tree: _Tree, file: str) -> Node:
    """Return a JSON Schema that needs nothing of the document around it: what it refers to stands under ``$defs``."""
    needed: dict[str, Any] = {}

    def moved(node: object) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(node, list):
            return [moved(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            ref = str(node["$ref"])
            name = ref.rsplit("/", 1)[-1]
            if name not in needed:
                needed[name] = None
                needed[name] = moved(_resolved(node, tree, file))
            return {"$ref": f"#/$defs/{name}"}
        made = {key: moved(value) for key, value in node.items() if key not in _NOT_IN_SCHEMA}
        if node.get("nullable") is True and isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        return made

    body = moved(schema)
    return {"$schema": DIALECT, **body, **({"$defs": needed} if needed else {})}
