"""From a call of the land system to a message. Pure.

The protocol has no key: it is made of what was said. A call that says when it happened is the same call whenever it comes again.
One that does not (``ThueChuyenTraHoSoDoSai`` has no date at all) is a repetition only of what was said last of the dossier: when
something else was said in between, it happened again. Such a call happened when it first came; when that was is no part of its key, so that it is
one message however many of the hub's processes hear it, and whatever their clocks say.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Message

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.desks import Standing
    from connectors.vbdlis.records import File, Said

_KEY = re.compile(r"(?P<service>[A-Za-z]+)-(?P<number>\d{1,9})-(?P<digest>[0-9a-f]{32})")


def told(service: str, said: Said, body: bytes, came: datetime, standing: Standing) -> Message:
    """Say a call. ``came``: now, by the hub's clock."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    if said.at:
        return Message(body=_envelope(service, said, said.at, body), key=f"{service}-0-{digest}")
    at = came.replace(microsecond=0).astimezone(UTC).isoformat()
    key = f"{service}-{_number(service, digest, standing)}-{digest}"
    return Message(body=_envelope(service, said, at, body), key=key, clocked=True)


def _number(service: str, digest: str, standing: Standing) -> int:
    """Count how often it happened; what was said last of the dossier is said again and not anew, until another system spoke."""
    earlier = [_KEY.fullmatch(key) for key in standing.said]
    same = [one for one in earlier if one and (one["service"], one["digest"]) == (service, digest)]
    again = bool(same) and same[-1] is earlier[-1] and not standing.answered
    return len(same) if again else len(same) + 1


def _envelope(service: str, said: Said, at: str, body: bytes) -> bytes:
    """What the desk concluded, and beside it what the client sent, byte for byte."""
    concluded: dict[str, Any] = {"At": at}
    if said.ends:
        concluded["Ends"] = said.ends
    if said.files:
        concluded["Files"] = [_file(each) for each in said.files]
    return msgspec.json.encode({**concluded, service: msgspec.Raw(body)})


def _file(file: File) -> dict[str, str]:
    """A file has no id there: its address is one."""
    named = {"Name": file.name} if file.name else {}
    return {"Id": hashlib.sha256(file.link.encode()).hexdigest()[:32], **named, "Link": file.link}
