"""The named converters of mapping tables: one wire form ⇄ one canonical form, each with its schema fragment.

Rules of this file:

* A converter is two pure functions. ``read`` raises ``Wrong`` for what the wire may not hold; ``write`` raises it for
  what the wire cannot say.
* ``exact``: every value that ``read`` takes is written back letter for letter. What is not exact (an ISO time with any
  offset) is kept beside the canonical value by the mapping, so nothing is lost on the way back to the same format.
* Dates and times stand in ``schemas.moments``; the portal's ``yyyyMMddHHmmss`` carries no zone marker.
* Texts arrive here in NFC and free of characters that XML cannot carry: ``schemas.strict_json`` and ``schemas.wire`` have seen to that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable  # noqa: TC003 - msgspec reads the annotations at run time
from typing import Any, Literal

import msgspec

from schemas import moments
from schemas.codes import IN_TEXT
from schemas.problems import Wrong

Gives = Literal["text", "integer", "moment", "boolean", "amounts"]
MAX_INTEGER = 2**63 - 1


class Converter(msgspec.Struct, frozen=True, kw_only=True):
    """``gives``: what the canonical side holds. ``wire``: JSON Schema of the wire form.

    ``usual``: of a converter that is not exact, tells the spelling that ``write`` gives, without writing it.
    """

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    gives: Gives
    wire: dict[str, Any]
    exact: bool = True
    usual: Callable[[str], bool] | None = None


def _same(value: Any) -> Any:  # noqa: ANN401 - the identity has no type of its own
    return value


def _to_payment(lines: list[dict[str, Any]]) -> str | None:
    """Write amounts as OpenCPS takes a demand for payment: JSON in a form, one amount for all; ``None`` where no amount is known.

    ``requestPayment`` 2: pay what is due (``ProcessActionTerm``); whole đồng in digits (``createPaymentFile`` of the published server).
    """
    amounts = [line["amount"] for line in lines if line.get("amount") is not None]
    if not amounts:
        return None
    named = (line.get("item_name") or line.get("name") or line.get("notice") for line in lines)
    note = "; ".join(dict.fromkeys(filter(None, named)))
    told = {"requestPayment": 2, "feeAmount": str(sum(amounts)), **({"paymentNote": note} if note else {})}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _unread(_value: object) -> Any:  # noqa: ANN401 - never returns
    raise Wrong("HUB-SCH-002", "written only")


def _text(value: object) -> str:
    if type(value) is not str:
        raise Wrong("HUB-SCH-002", "text")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise Wrong("HUB-SCH-002", "whole number, 0 to 2^63-1")
    return value


def _from_digits(value: object) -> int:
    """Whole numbers as text: no sign, no leading zero, no separators, so that the way back is the same text."""
    if (
        type(value) is not str
        or not (value.isascii() and value.isdigit())
        or (value[0] == "0" and value != "0")
    ):
        raise Wrong("HUB-SCH-002", "digits without leading zero or separators")
    number = int(value[:20])
    if number > MAX_INTEGER:
        raise Wrong("HUB-SCH-002", "at most 2^63-1")
    return number


def _boolean(value: object) -> bool:
    if type(value) is not bool:
        raise Wrong("HUB-SCH-002", "true or false")
    return value


_TITLE = {"True": True, "False": False}
_LOWER = {"true": True, "false": False}
_XS = {"true": True, "1": True, "false": False, "0": False}


def _word(words: dict[str, bool], rule: str) -> Callable[[Any], bool]:
    def read(value: object) -> bool:
        found = words.get(value) if type(value) is str else None
        if found is None:
            raise Wrong("HUB-SCH-002", rule)
        return found

    return read


def _to_title(value: bool) -> str:  # noqa: FBT001 - a converter takes one value
    return "True" if value else "False"


def _to_lower(value: bool) -> str:  # noqa: FBT001 - a converter takes one value
    return "true" if value else "false"


def _dossier_code_in(value: object) -> str:
    """Return the one dossier code that stands in a text: a letter names its dossier in its subject."""
    found = set(IN_TEXT.findall(_text(value)))
    if len(found) != 1:
        raise Wrong("HUB-SCH-002", "one dossier code in the text")
    return str(found.pop())


def _about(code: str) -> str:
    return f"V/v hồ sơ {code}"


def _dossier_code_or_whole(value: object) -> str:
    """Return the dossier code in a document's id where there is one, else the id itself."""
    found = set(IN_TEXT.findall(_text(value)))
    return str(found.pop()) if len(found) == 1 else _text(value)


def _from_number(value: object) -> str:
    """An id or a code that some write as a number and others as text."""
    if type(value) is int:
        return str(value)
    return _text(value)


def _to_number(text: str) -> int | str:
    return int(text) if _NUMBER.fullmatch(text) else text


_NUMBER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_STRING = {"type": "string"}
_ALL = (
    Converter(name="text", read=_text, write=_same, gives="text", wire=_STRING),
    Converter(
        name="integer",
        read=_integer,
        write=_same,
        gives="integer",
        wire={"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
    ),
    Converter(
        name="digits",
        read=_from_digits,
        write=str,
        gives="integer",
        wire={"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"},
    ),
    Converter(
        name="vnd",
        read=_from_digits,
        write=str,
        gives="integer",
        wire={"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"},
    ),
    Converter(name="payment", read=_unread, write=_to_payment, gives="amounts", wire={"type": "string"}),
    Converter(name="boolean", read=_boolean, write=_same, gives="boolean", wire={"type": "boolean"}),
    Converter(
        name="True/False",
        read=_word(_TITLE, "True or False"),
        write=_to_title,
        gives="boolean",
        wire={"type": "string", "enum": ["True", "False"]},
    ),
    Converter(
        name="true/false",
        read=_word(_LOWER, "true or false"),
        write=_to_lower,
        gives="boolean",
        wire={"type": "string", "enum": ["true", "false"]},
    ),
    Converter(
        name="xs:boolean",
        read=_word(_XS, "xs:boolean"),
        write=_to_lower,
        gives="boolean",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyyMMddHHmmss",
        read=moments.from_wall,
        write=moments.to_wall,
        gives="moment",
        wire={"type": "string", "pattern": "^[0-9]{14}$"},
    ),
    Converter(
        name="iso", read=moments.from_iso, write=moments.to_iso, gives="moment", wire=_STRING, exact=False
    ),
    Converter(
        name="xs:dateTime",
        read=moments.from_xs_datetime,
        write=moments.to_xs_datetime,
        gives="moment",
        wire=_STRING,
        exact=False,
        usual=moments.usual_xs_datetime,
    ),
    Converter(
        name="yyyy/MM/dd",
        read=moments.from_edxml_day,
        write=moments.to_edxml_day,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy/MM/dd, its end",
        read=moments.from_edxml_due,
        write=moments.to_edxml_day,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy/MM/dd HH:mm:ss",
        read=moments.from_edxml_time,
        write=moments.to_edxml_time,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="dossier code in a text",
        read=_dossier_code_in,
        write=_about,
        gives="text",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="dossier code in an id",
        read=_dossier_code_or_whole,
        write=_same,
        gives="text",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="iso:wall",
        read=moments.from_marked_wall,
        write=moments.to_marked_wall,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="iso:utc", read=moments.from_utc, write=moments.to_iso, gives="moment", wire=_STRING, exact=False
    ),
    Converter(
        name="yyyy-MM-ddTHH:mm:ss.fff",
        read=moments.from_marked_wall,
        write=moments.to_bare_wall,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="yyyy-MM-dd HH:mm:ss",
        read=moments.from_spaced_wall,
        write=moments.to_spaced_wall,
        gives="moment",
        wire={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"},
    ),
    Converter(
        name="milliseconds",
        read=moments.from_milliseconds,
        write=moments.to_milliseconds,
        gives="moment",
        wire={"type": "string", "pattern": "^(0|[1-9][0-9]{0,13})$"},
    ),
    Converter(
        name="tax date",
        read=moments.from_tax_date,
        write=moments.to_tax_date,
        gives="moment",
        wire=_STRING,
        exact=False,
    ),
    Converter(
        name="number",
        read=_from_number,
        write=_to_number,
        gives="text",
        wire={"type": ["integer", "string"]},
        exact=False,
    ),
    Converter(name="anything", read=_same, write=_same, gives="text", wire={}),
    Converter(
        name="xs:date",
        read=moments.from_xs_date,
        write=moments.to_xs_date,
        gives="moment",
        wire=_STRING,
        exact=False,
        usual=moments.usual_xs_date,
    ),
)
CONVERTERS: dict[str, Converter] = {converter.name: converter for converter in _ALL}


def spelled(code: str, *, number: bool) -> int | str:
    """Return a code as its format writes it. Raises ``ValueError`` for a number that is none."""
    if number and not _NUMBER.fullmatch(code):
        raise ValueError(f"{code} is no number")
    return int(code) if number else code


def codes(name: str, table: dict[str, str], *, back: bool = True, numbers: bool = False) -> Converter:
    """Build the converter of a code table, external → canonical, one to one. ``numbers``: the codes are whole numbers on the wire.

    Raises ``ValueError`` when two external codes mean the same and there is a way ``back``: it would have to choose.
    """
    known = {spelled(external, number=numbers): canonical for external, canonical in table.items()}
    reverse = {canonical: external for external, canonical in known.items()}
    if back and len(reverse) != len(table):
        raise ValueError(f"codes.{name}: two codes with one meaning")
    rule = f"codes.{name}"

    def read(value: object) -> str:
        found = known.get(value) if type(value) is (int if numbers else str) else None
        if found is None:
            raise Wrong("HUB-MAP-001", rule)
        return found

    def write(value: str) -> int | str:
        found = reverse.get(value)
        if found is None:
            raise Wrong("HUB-MAP-002", rule)
        return found

    wire = {"type": "integer"} if numbers else _STRING
    return Converter(name=rule, read=read, write=write, gives="text", wire=wire)
