"""Documents in the demonstration: a few dossiers enclose one by its digest; the portal fetches it by the link that it was sent."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import aiohttp

    from hub.demo.messages import Said

DOSSIERS = 5
SIZE = 1 << 20
CREATED, WHOLE = 201, 204


def enclose(stories: Sequence[Sequence[Said]]) -> tuple[list[tuple[Said, ...]], dict[str, bytes]]:
    """Let the first dossiers name their first document by its digest alone; return also the documents, by dossier."""
    documents = {story[0].dossier: _content(story[0].dossier) for story in stories[:DOSSIERS]}
    told = [tuple(_named(said, documents.get(said.dossier)) for said in story) for story in stories]
    return told, documents


def _content(dossier: str) -> bytes:
    return hashlib.shake_256(dossier.encode()).digest(SIZE)


def _named(said: Said, content: bytes | None) -> Said:
    if content is None:
        return said
    told: dict[str, Any] = json.loads(said.body)
    for paper in told["HoSo"].get("TaiLieuNop", ())[:1]:
        paper.pop("DuongDanTaiTepTin", None)
        paper |= {"MaBam": hashlib.sha256(content).hexdigest(), "KichThuoc": len(content)}
    return msgspec.structs.replace(said, body=json.dumps(told, ensure_ascii=False).encode())


async def bring(session: aiohttp.ClientSession, hub: str, api_key: str, content: bytes) -> None:
    """Upload one document in two halves. Raises ``RuntimeError`` when the hub says no."""
    who = {"Authorization": f"Bearer {api_key}"}
    said = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "application/pdf",
    }
    async with session.post(f"{hub}/v1/documents", json=said, headers=who) as reply:
        if reply.status != CREATED:
            raise RuntimeError(f"documents: HTTP {reply.status}")
        where = reply.headers["Location"]
    half = len(content) // 2
    for offset, part in ((0, content[:half]), (half, content[half:])):
        headers = {**who, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        async with session.patch(where, data=part, headers=headers) as reply:
            if reply.status != WHOLE:
                raise RuntimeError(f"documents: HTTP {reply.status}")


def missing(pulled: Path, documents: Mapping[str, bytes]) -> list[str]:
    """Name the dossiers whose document the portal did not fetch, or fetched as something else; by the portal's own notes."""
    lines = pulled.read_text("utf-8").splitlines() if pulled.exists() else []
    got = {(told["dossier"], told["sha256"]) for told in map(json.loads, lines)}
    return [
        dossier
        for dossier, content in documents.items()
        if (dossier, hashlib.sha256(content).hexdigest()) not in got
    ]
