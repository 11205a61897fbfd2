"""From a call of the land system to a message. Pure.

The protocol has no key: it is made of what was said. A call that says when it happened is the same call whenever it comes again.
One that does not (``ThueChuyenTraHoSoDoSai`` has no date at all) is a repetition only of what was said last of the dossier: when
something else was said in between, it happened again. Such a call happened when it first came; its key remembers when.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.desks import Message

if TYPE_CHECKING:
    from connectors.desks import Standing
    from connectors.vbdlis.records import File, Said

_KEY = re.compile(r"(?P<service>[A-Za-z]+)-(?P<number>\d{1,9})-(?P<at>\d{1,12})-(?P<digest>[0-9a-f]{32})")


def told(service: str, said: Said, body: bytes, came: datetime, standing: Standing) -> Message:
    """Say a call. ``came``: now, by the hub's clock."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    if said.at:
        return Message(body=_envelope(service, said, said.at, body), key=f"{service}-1-0-{digest}")
    earlier = [_KEY.fullmatch(key) for key in standing.said]
    last = earlier[-1] if earlier else None
    if last and (last["service"], last["digest"]) == (service, digest):
        number, seconds = int(last["number"]), int(last["at"])
    else:
        same = [one for one in earlier if one and (one["service"], one["digest"]) == (service, digest)]
        number, seconds = len(same) + 1, int(came.timestamp())
    at = datetime.fromtimestamp(seconds, UTC).isoformat()
    return Message(body=_envelope(service, said, at, body), key=f"{service}-{number}-{seconds}-{digest}")


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
