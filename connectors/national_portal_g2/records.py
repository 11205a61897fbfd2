"""Records of this generation, as bytes and as trees: what is sealed, and what the portal's own numbers make of it. Pure.

What is sealed names files by our id and SHA-256 and holds them in base64 (``NoiDung``); the portal wants each uploaded first and named by the number and hash
that it gave. A record without files leaves byte for byte as it was sealed, behind the portal's numbers.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.national_portal_g2.settings import Names, Settings

CREATE, PROGRESS, STATE = "ThemMoiHoSo", "CapNhatTienTrinh", "CapNhatTrangThai"
CONTENT, FILES, COMPONENT = "NoiDung", ("TaiLieuNop",), "MaThanhPhanHoSo"


class File(NamedTuple):
    """One file to be uploaded. ``told``: under which name what the portal says of it is remembered."""

    name: str
    content: bytes
    told: str


def shaped(operation: str, payload: bytes, settings: Settings) -> bytes:
    """What the mapping wrote, as this portal wants it: no lists where it takes none, lists where it wants them, our code under its own name."""
    names, record = settings.names, _object(operation, payload)
    if operation == CREATE and names.components in record:
        record[names.components] = _together(record[names.components], names)
    if operation == STATE and record.get(names.state) not in settings.lists_at:
        record = {name: value for name, value in record.items() if name not in {names.fees, names.results}}
    if settings.codes == "issued":
        renamed = {names.own if name == names.code else name: value for name, value in record.items()}
        record = {name: value for name, value in renamed.items() if name}
    return written(record)


def _together(entries: list[dict[str, Any]], names: Names) -> list[dict[str, Any]]:
    """One entry for each component, with all papers of it; a paper of none stands by itself."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        own = {name: value for name, value in entry.items() if name != names.papers}
        code = own.get(COMPONENT)
        whole = found.setdefault((code,) if code else (code, number), {**own, names.papers: []})
        whole[names.papers].append(entry.get(names.papers, {}))
        whole[names.count] = len(whole[names.papers])
    return list(found.values())


def enclosed(payload: bytes, contents: Mapping[str, bytes], names: Names) -> bytes:
    """Put the files in, by SHA-256. Raises ``Refusal`` HUB-MAP-004 for one that is not there: it could not be uploaded."""
    record = _object("", payload)
    for entry in entries(record, names):
        content = contents.get(str(entry.get(names.hash)))
        if content is None:
            raise refuse("HUB-MAP-004", CONTENT, rule="the content of each file")
        entry[CONTENT] = b64encode(content).decode()
    return written(record)


def entries(record: Mapping[str, Any], names: Names) -> Iterator[dict[str, Any]]:
    listed = [entry for name in (*FILES, names.results) for entry in record.get(name) or ()]
    parts = record.get(names.components) or () if names.components else ()
    papers = [entry for part in parts for entry in part.get(names.papers) or ()]
    yield from (entry for entry in (*listed, *papers) if isinstance(entry, dict))


def files(record: Mapping[str, Any], names: Names) -> Iterator[File]:
    for entry in entries(record, names):
        content = b64decode(entry.get(CONTENT, ""))
        name = str(entry.get("TenTepDinhKem") or entry.get("TenGiayTo") or entry.get(_named(names)) or "")
        yield File(name, content, told_as(content))


def _named(names: Names) -> str:
    return names.named or names.file


def told_as(content: bytes) -> str:
    return f"file:{hashlib.sha256(content).hexdigest()}"


def placed(payload: bytes, told: Mapping[str, str], names: Names) -> bytes:
    """Name each file as the portal does; what holds none stays as it was sealed."""
    record = _object("", payload)
    found = list(entries(record, names))
    for entry in found:
        number, _, hash_ = told[told_as(b64decode(entry.pop(CONTENT, "")))].partition("\n")
        entry |= {_named(names): number, names.hash: hash_}
    return written(record) if found else payload


def behind(numbers: Mapping[str, str], payload: bytes) -> bytes:
    """Set the portal's numbers in front of a record."""
    return written(numbers)[:-1] + b"," + payload[1:] if numbers else payload


def written(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def multipart(name: str, content: bytes, part: str) -> tuple[bytes, str]:
    """A file as ``multipart/form-data`` (RFC 7578): body and media type. The boundary is the content's digest: nobody can write it into a file."""
    boundary = f"lienthong-{hashlib.sha256(b'boundary' + content).hexdigest()}"
    plain = "".join(each for each in name if each.isprintable() and each not in '"\\')
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{plain or part}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    return (
        head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def _object(operation: str, payload: bytes) -> dict[str, Any]:
    record = json.loads(payload) if payload[:1] == b"{" else None
    if not isinstance(record, dict) or not record:
        raise refuse("HUB-MAP-003", operation, rule="a record")
    return record
