"""How a message is wrapped: its key, its media type, and where it stands in what was signed."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

from schemas.problems import refuse
from schemas.strict_xml import element_path, parse_xml

if TYPE_CHECKING:
    from hub.judging.contract import Sender

KEY_HEADER = "idempotency-key"

_KEY = re.compile(r"[!#-\[\]-~]{1,200}")
LONGEST_MEDIA = 256
OFFICER = ":officer"
"""Under this name the id of the officer who said it is stored with a message that came by the form; no header can be called so."""
TRIAL_HEADER = "lienthong-trial"
"""``true``: the sender only tries; whatever cannot be read as yes or no is refused, so that no trial is taken for real."""
_MEDIA = re.compile(r"\s*([\w.+-]+/[\w.+-]+)\s*((?:;\s*[\w-]+\s*=\s*(?:\"[^\"]*\"|[^;\s\"]+)\s*)*);?\s*")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w-]+)\"?", re.IGNORECASE)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the sender's key, bare or out of its quotes; empty when there is none. Raises HUB-IDM-003."""
    said = headers.get(KEY_HEADER)
    if said is None:
        return ""
    bare = said.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    if not _KEY.fullmatch(bare):
        raise refuse("HUB-IDM-003", "Idempotency-Key", rule=_KEY.pattern)
    return bare


def is_trial(headers: Mapping[str, str]) -> bool:
    """Raises HUB-STG-003."""
    said = headers.get(TRIAL_HEADER, "false").strip().lower()
    if said not in {"true", "false"}:
        raise refuse("HUB-STG-003", "Lienthong-Trial", rule="true | false")
    return said == "true"


def check_media_type(headers: Mapping[str, str], sender: Sender) -> str:
    """Return the bare media type. Raises HUB-SCH-010, and HUB-SCH-008 for a charset that is not UTF-8.

    Where the partner's file says in which code page its bytes are, that counts, whatever the header calls it.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise refuse("HUB-SCH-010", "Content-Encoding", rule="identity")
    said = headers.get("content-type", "")
    found = _MEDIA.fullmatch(said) if len(said) <= LONGEST_MEDIA else None
    if found is None or found.group(1).lower() not in sender.media_types:
        raise refuse("HUB-SCH-010", "Content-Type", rule=" | ".join(sorted(sender.media_types)))
    charset = _CHARSET.search(found.group(2))
    if charset and not sender.text.in_bytes and charset.group(1).lower() not in {"utf-8", "utf8"}:
        raise refuse("HUB-SCH-008", "Content-Type", rule="charset=utf-8")
    return found.group(1).lower()


def lifted(signed: bytes, within: Sequence[str]) -> bytes:
    """Take the message out of what was signed; all of it where it stands in nothing. Raises HUB-SCH-002, -003, -012."""
    if not within:
        return signed
    first, *rest = within
    node = next(parse_xml(signed).iter(first), None)
    for name in rest:
        node = None if node is None else node.find(name)
    if node is None:
        raise refuse("HUB-SCH-003", rule="/".join(name.rpartition("}")[2] for name in within))
    try:
        return binascii.a2b_base64("".join((node.text or "").split()), strict_mode=True)
    except ValueError:
        raise refuse("HUB-SCH-002", element_path(node), rule="xs:base64Binary") from None
