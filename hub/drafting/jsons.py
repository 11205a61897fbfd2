"""JSON Schema: the fields of a message, and the schema that will judge it. References are followed inside the document only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from hub.drafting.outline import DEEPEST, MANY, MOST_FIELDS, Field, Operation, Outline, unusable
from schemas.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOT_IN_SCHEMA = frozenset({"nullable", "example", "xml", "discriminator", "externalDocs"})


class Tree(dict[str, Any]):
    """A document. ``left``: how many more of its schemas are looked at; where they mean each other they multiply with each level."""

    left = MOST_FIELDS


def read(raw: bytes, file: str) -> Outline:
    """Read a JSON Schema of one message, or of a list of them."""
    tree = Tree(parse_json(raw))
    takes = field_of(tree, "message", tree, (), required=True)
    if not takes.fields:
        raise unusable(file, "a JSON Schema of an object with properties, or of a list of them")
    operation = Operation(name="message", takes=takes)
    files = file_of({**_renewed(tree), "$schema": DIALECT})
    return Outline(kind="json-schema", media="json", operations=(operation,), files=files)


def described(tree: object) -> bool:
    """Whether a document describes messages, rather than being one."""
    if not isinstance(tree, dict):
        return False
    return (
        "$schema" in tree or tree.get("type") == "object" or (tree.get("type") == "array" and "items" in tree)
    )


def file_of(body: Node) -> dict[str, bytes]:
    return {"1.json": json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"}


def resolved(node: object, tree: Tree, file: str) -> Node:
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


def field_of(schema: object, name: str, tree: Tree, above: tuple[int, ...], *, required: bool) -> Field:
    node, nil = _one(resolved(schema if isinstance(schema, dict) else {}, tree, name), tree, name)
    least, most = (1 if required else 0), 1
    if _kind(node) == "array":
        items = node.get("items")
        node, _ = _one(resolved(items if isinstance(items, dict) else {}, tree, name), tree, name)
        most = MANY
    if id(node) in above or len(above) > DEEPEST:
        return Field(name=name, type="object", least=least, most=most, notes=("holds itself",))
    fields = tuple(_once(_properties(node, tree, (*above, id(node)))))
    longest = node.get("maxLength")
    return Field(
        name=name,
        type="object" if fields else _type(node),
        least=least,
        most=most,
        fields=fields,
        values=tuple(str(value) for value in node.get("enum") or () if isinstance(value, str)),
        longest=longest if isinstance(longest, int) else None,
        nillable=nil and most == 1,
        fixed=_constant(node),
        notes=("readOnly",) if node.get("readOnly") is True else (),
    )


def _one(node: Node, tree: Tree, name: str) -> tuple[Node, bool]:
    """Return the schema behind *this or null*, and whether null is allowed (OpenAPI 3.0 ``nullable``, 3.1 ``type`` or ``anyOf``)."""
    kinds = node.get("type")
    nil = node.get("nullable") is True or (isinstance(kinds, list) and "null" in kinds)
    ways = [resolved(each, tree, name) for key in ("anyOf", "oneOf") for each in node.get(key) or ()]
    others = [each for each in ways if each.get("type") != "null"]
    if len(others) == 1 and "properties" not in node:
        inner, deeper = _one(others[0], tree, name) if "anyOf" in others[0] else (others[0], False)
        return inner, nil or deeper or len(others) < len(ways)
    return node, nil


def _constant(node: Node) -> str | int | bool | None:
    told = node.get("const")
    return told if isinstance(told, str | int | bool) else None


def _kind(node: Node) -> str:
    told = node.get("type")
    if isinstance(told, list):
        told = next((each for each in told if each != "null"), "")
    return str(told or ("object" if "properties" in node else ""))


def _type(node: Node) -> str:
    kind, form = _kind(node), node.get("format")
    return f"{kind or 'any'}:{form}" if form else kind or "any"


def _properties(node: Node, tree: Tree, above: tuple[int, ...]) -> Iterator[Field]:
    """Those of all parts; of several ways to be (``anyOf``, ``oneOf``) each one's, of which none must be there."""
    for part in node.get("allOf") or ():
        yield from _properties(resolved(part, tree, "allOf"), tree, above)
    for key in ("anyOf", "oneOf"):
        for way in node.get(key) or ():
            for each in _properties(resolved(way, tree, key), tree, above):
                yield msgspec.structs.replace(each, least=0, notes=(*each.notes, key))
    wanted = node.get("required") if isinstance(node.get("required"), list) else []
    for name, schema in (node.get("properties") or {}).items():
        yield field_of(schema, str(name), tree, above, required=name in (wanted or []))


def _once(fields: Iterator[Field]) -> Iterator[Field]:
    """The last word counts: a part may say more of what another has."""
    yield from {each.name: each for each in fields if "readOnly" not in each.notes}.values()


def standalone(schema: object, tree: Tree, file: str) -> Node:
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
                needed[name] = moved(resolved(node, tree, file))
            return {"$ref": f"#/$defs/{name}"}
        made = {key: moved(value) for key, value in node.items() if key not in _NOT_IN_SCHEMA}
        return _today(node, made)

    body = moved(schema)
    return {"$schema": DIALECT, **body, **({"$defs": needed} if needed else {})}


def _renewed(node: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A schema of an earlier draft as one of 2020-12."""
    if isinstance(node, list):
        return [_renewed(each) for each in node]
    return (
        _today(node, {key: _renewed(value) for key, value in node.items()})
        if isinstance(node, dict)
        else node
    )


def _today(node: Node, made: Node) -> Node:
    """What OpenAPI 3.0, Swagger 2 and earlier drafts say otherwise than JSON Schema 2020-12: nullable, exclusive bounds, lists by place,
    what only comes back.
    """
    if isinstance(made.get("items"), list):
        made["prefixItems"] = made.pop("items")
    if node.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    properties = made.get("properties")
    if isinstance(properties, dict) and isinstance(made.get("required"), list):
        back = {
            name
            for name, each in properties.items()
            if isinstance(each, dict) and each.get("readOnly") is True
        }
        made["required"] = [name for name in made["required"] if name not in back]
    return made
