"""What a partner says of a day as a list: CSV with a head, or a list of JSON objects. Read strictly; a list with a fault says nothing.

``way`` as the partner sees it (``sent``, ``received``), ``id``: the key that travelled with it; ``standing`` and ``digest`` where it keeps them.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hub.reconciling.items import ID_LENGTH, Item, Side, Standing, Way
from schemas.problems import Problem, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CODE = "HUB-RCN-001"
LARGEST = 64 * 2**20
MOST = 100_000
FAULTS = 20
"""Faults that are told of one list."""
COLUMNS = frozenset({"way", "id", "standing", "digest"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read(raw: bytes, name: str) -> Side:
    """Return it in the partner's words for the ways. Raises ``Refusal`` HUB-RCN-001 naming each line that is wrong."""
    if len(raw) > LARGEST:
        raise refuse(CODE, name, rule=f"at most {LARGEST} bytes")
    try:
        text = raw.decode("utf-8-sig")
        rows = _json(text) if text.lstrip()[:1] == "[" else _csv(text)
    except (UnicodeDecodeError, msgspec.DecodeError, csv.Error, RecursionError) as error:
        rule = "CSV with a head, or a list of JSON objects, in UTF-8"
        raise refuse(CODE, name, rule=rule, detail=type(error).__name__) from None
    if len(rows) > MOST:
        raise refuse(CODE, name, rule=f"at most {MOST} lines")
    problems = list(_faults(name, rows))
    if problems:
        raise Refusal(*problems[:FAULTS])
    return Side(*(tuple(_item(row) for row in rows if row["way"] == way) for way in Way))


def _json(text: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = msgspec.json.decode(text, type=list[dict[str, Any]])
    return rows


def _csv(text: str) -> list[Mapping[str, Any]]:
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ",", strict=True)
    return [{name: value for name, value in row.items() if value} for row in rows]


def _faults(name: str, rows: list[Mapping[str, Any]]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, 1):
        rule = _fault(row)
        key = (str(row.get("way")), str(row.get("id")))
        if rule or key in seen:
            yield Problem(code=CODE, place=f"{name}: {number}", rule=rule or "each way and id once")
        seen.add(key)


def _fault(row: Mapping[str, Any]) -> str:
    """Return the rule that a row breaks; empty: none."""
    id_, standing, digest = row.get("id"), row.get("standing", "taken"), row.get("digest", "")
    checks = (
        (set(row) <= COLUMNS, "columns: way, id, standing, digest"),
        (row.get("way") in tuple(Way), "way: sent or received"),
        (isinstance(id_, str) and 0 < len(id_) <= ID_LENGTH and id_.isprintable(), "id: a text"),
        (standing in tuple(Standing), "standing: taken, refused or open"),
        (
            isinstance(digest, str) and (not digest or bool(_DIGEST.fullmatch(digest.lower()))),
            "digest: SHA-256 in hex",
        ),
    )
    return next((rule for holds, rule in checks if not holds), "")


def _item(row: Mapping[str, Any]) -> Item:
    standing = Standing(row.get("standing", Standing.TAKEN))
    return Item(id=row["id"], standing=standing, digest=row.get("digest", "").lower())
