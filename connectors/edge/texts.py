"""The JSON of the protocol, read strictly and written in one way.

A text of the version spoken here is closed: a member that it does not know is refused, so that a slip of the pen is seen at once. One of a
newer minor version (``m``) may hold members that are unknown here; they are passed over, and stay in the bytes that were signed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from connectors.edge.values import MAJOR, MINOR
from schemas.problems import Refusal, refuse
from schemas.strict_json import parse_json
from schemas.text import Limits

T = TypeVar("T", bound=msgspec.Struct)

FORM = "HUB-EDG-002"
TEXT_BYTES = 1 << 20
"""One text that is not an entry: a hello, an acknowledgement, a manifest."""
DEPTH = 32

_ENCODER = msgspec.json.Encoder(order="deterministic")


def write(value: msgspec.Struct) -> bytes:
    """Members in the order of the value, names of maps sorted, no white space, times in UTC with ``Z``."""
    return _ENCODER.encode(value)


def read(kind: type[T], raw: bytes, *, limit: int = TEXT_BYTES) -> T:
    """Read one text. Raises ``Refusal``: HUB-EDG-001 for a major version that is not spoken, HUB-EDG-002 for any other form."""
    place = kind.__name__.lower()
    try:
        tree = parse_json(raw, Limits(size=limit, depth=DEPTH))
    except Refusal as refusal:
        raise refuse(FORM, place, rule=refusal.problems[0].rule or refusal.code) from None
    if not isinstance(tree, dict):
        raise refuse(FORM, place, rule="a JSON object")
    _speaks(tree, place)
    return _value(kind, raw, tree, place)


def value(kind: type[T], raw: bytes) -> T:
    """Read what was looked at before: bytes whose form and digest are known."""
    return msgspec.json.decode(raw, type=kind)


def _value(kind: type[T], raw: bytes, tree: dict[str, Any], place: str) -> T:
    try:
        made = msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise refuse(FORM, place, rule=_without_values(str(error))) from None
    minor = tree.get("m", 0)
    if not (isinstance(minor, int) and minor > MINOR) and (name := _unknown(_shape(kind), tree)):
        raise refuse(FORM, f"{place}/{name}", rule="members that this version knows")
    return made


def _speaks(tree: dict[str, Any], place: str) -> None:
    said = tree.get("v", MAJOR)
    if said != MAJOR or isinstance(said, bool):
        raise refuse("HUB-EDG-001", place, rule=f"version {MAJOR}")


def _unknown(kind: inspect.Type, tree: object) -> str:
    """Name a member that the value does not have, at any depth; what is free JSON is not looked into."""
    if isinstance(kind, inspect.VarTupleType) and isinstance(tree, list):
        return next((found for each in tree if (found := _unknown(kind.item_type, each))), "")
    if not isinstance(kind, inspect.StructType) or not isinstance(tree, dict):
        return ""
    types = {field.encode_name: field.type for field in kind.fields}
    if strange := sorted(tree.keys() - types.keys()):
        return str(strange[0])
    inside = ((name, _unknown(types[name], each)) for name, each in tree.items())
    return next((f"{name}/{found}" for name, found in inside if found), "")


@cache
def _shape(kind: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(kind)


def _without_values(said: str) -> str:
    """What msgspec says of a wrong value may quote it: kept is what was expected, and where."""
    return said.partition(", got")[0][:200]
