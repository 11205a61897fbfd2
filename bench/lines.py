"""P13: a district's 10,000 changed dossiers after a week without a line: what they cost on one of 2 Mbit/s that breaks.

Measured at the proxy between two whole hubs: every byte up, those that were sent again after a cut too. Against it: what changed, the
canonical messages alone, packed in one piece by the same compressor.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from hub.store.contract.views import Filter
from tests.doubles.proxy import Fault
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, hubs, received, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.proxy import Proxy
    from tests.integration.hubs import Body, Hub

DOSSIERS = 10_000
BANDWIDTH = 2_000_000 / 8
"""Bytes a second, each way."""
EACH = 1_000_000
"""So many bytes up, about, and the line breaks."""
PROCEDURE = "1.009998"
FAMILY, MIDDLE, GIVEN = (
    ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Phan", "Hồ"),
    ("Văn", "Thị", "Hữu", "Minh", "Ngọc", "Thanh", "Quốc", "Kim"),
    (
        "Ánh",
        "Bình",
        "Châu",
        "Dũng",
        "Giang",
        "Hạnh",
        "Khoa",
        "Lan",
        "Mai",
        "Phúc",
        "Quyên",
        "Sơn",
        "Thảo",
        "Vinh",
    ),
)
PAPERS = 14
"""So that a dossier is 5 KB of JSON."""
NAMES = (
    "Đơn đề nghị",
    "Căn cước công dân",
    "Hợp đồng chuyển nhượng",
    "Trích lục bản đồ địa chính",
    "Giấy chứng nhận cũ",
)
STREETS = ("Trần Phú", "Phan Châu Trinh", "Hùng Vương", "Nguyễn Tất Thành", "Lý Thường Kiệt", "Bạch Đằng")


class Cost(NamedTuple):
    """``carried``: bytes up at the proxy. ``packed``: the changes alone. ``breaks``: how often the line broke."""

    carried: int
    packed: int
    breaks: int
    seconds: float


def rows() -> list[dict[str, object]]:
    cost = asyncio.run(_cost(DOSSIERS))
    return [
        {
            "row": "P13",
            "what": f"edge: bytes of {DOSSIERS:,} changed dossiers, 2 Mbit/s with cuts / packed",
            "value": cost.carried / cost.packed,
            "unit": "ratio",
            "target": "≤ 1.3",
            "carried": cost.carried,
            "packed": cost.packed,
            "breaks": cost.breaks,
            "seconds": cost.seconds,
        }
    ]


async def _cost(dossiers: int) -> Cost:
    random_ = random.Random(13)  # noqa: S311 - the same changes each time
    with tempfile.TemporaryDirectory() as folder:
        async with hubs(Path(folder), province=AT_PROVINCE, tam_ky=AT_TAM_KY) as (_, edge):
            line = cast("Proxy", edge.line)
            line.faults(Fault(refuse=True))
            line.cut()
            await _said(edge, itertools.islice(_bodies(edge, random_), dossiers))
            packed = await _packed(edge)
            carried, broke = line.carried[0], line.connections
            line.fault(
                *(
                    Fault(bandwidth=BANDWIDTH, cut_up=int(random_.expovariate(1 / EACH)) + 1, reset=True)
                    for _ in range(40)
                )
            )
            line.faults(Fault(bandwidth=BANDWIDTH))
            began = time.monotonic()
            await until(lambda: _settled(edge), 1800)
            return Cost(line.carried[0] - carried, packed, line.connections - broke, time.monotonic() - began)


def _bodies(edge: Hub, random_: random.Random) -> Iterator[Body]:
    while True:
        name = " ".join(random_.choice(part) for part in (FAMILY, MIDDLE, GIVEN))
        number = f"049{random_.randrange(10**9):09}"
        yield received(
            edge.code(),
            PROCEDURE,
            applicant={
                "name": name,
                "identities": [{"kind": "cccd", "number": number}],
                "phone": f"09{random_.randrange(10**8):08}",
                "address": f"{random_.randrange(1, 400)} {random_.choice(STREETS)}, Tam Kỳ",
            },
            summary=f"Hồ sơ của {name}, thửa {random_.randrange(1, 900)}, tờ {random_.randrange(1, 90)}",
            due_at="2099-12-31T10:00:00Z",
            documents=[_paper(random_) for _ in range(PAPERS)],
        )


def _paper(random_: random.Random) -> Body:
    """One of the papers that were handed in, by reference, as a one-stop names it."""
    number = random_.getrandbits(128)
    name = random_.choice(NAMES)
    return {
        "id": f"{number:032x}"[:12],
        "name": f"{name}.pdf",
        "component": f"G15-DD{random_.randrange(1, 30):02}-TP{random_.randrange(1, 9)}",
        "media_type": "application/pdf",
        "size": random_.randrange(40_000, 900_000),
        "reference": f"https://motcua.tamky.example/api/documents/{number:032x}/download",
    }


async def _said(edge: Hub, bodies: Iterator[Body]) -> None:
    async def some() -> None:
        for body in bodies:
            await edge.say("mot-cua", body)

    await asyncio.gather(*(some() for _ in range(16)))


async def _packed(edge: Hub) -> int:
    """What changed, and nothing of how it travels: the messages as the hub keeps them, one after the other."""
    pack, after, size = zlib.compressobj(6), "", 0
    while found := await edge.store.transfers(Filter(partner="above", after=after, limit=500)):
        for transfer in found:
            kept = await edge.store.payloads(transfer.id)
            size += len(pack.compress(kept.canonical if kept else b""))
        after = found[-1].id
    return size + len(pack.flush())


async def _settled(edge: Hub) -> bool:
    waits = await edge.store.edges.waiting("above")
    return not (waits.unsealed or waits.offered or waits.under_way)
