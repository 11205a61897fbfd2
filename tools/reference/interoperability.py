"""``interoperability.md``, from the matrix that tests/foreign holds to be so."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.markdown import page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

MATRIX = Path(__file__).parents[2] / "tests" / "foreign" / "matrix.toml"
MARKS = {"both": "⇄", "verifies": "→", "signs": "←", "no": "✗", "": ""}


def interoperability_page(words: Meanings) -> str:
    del words  # the matrix says all
    matrix = tomllib.loads(MATRIX.read_text("utf-8"))
    peers: dict[str, str] = matrix["peers"]
    rows: list[dict[str, str]] = matrix["row"]
    refusals = [
        (row["title"], name, row[peer].partition(": ")[2])
        for row in rows
        for peer, name in peers.items()
        if row.get(peer, "").startswith("no")
    ]
    return page(
        "Đối chiếu với phần mềm khác · Interoperability",
        "`tests/foreign/matrix.toml`",
        "Ai kiểm tra được chữ ký của hub và ngược lại; mọi ô được kiểm thử với phần mềm thật, cả khi một byte bị sửa (`make foreign`)."
        " · Who verifies what the hub signs, and whose signatures the hub verifies; every cell is tested with the real software, also with one"
        " byte changed (`make foreign`).",
        "⇄ cả hai chiều · both ways; → họ kiểm tra chữ ký của hub · they verify ours; ← hub kiểm tra chữ ký của họ · we verify theirs;"
        " ✗ không được · they cannot.",
        table(
            ("Dạng · Form", *peers.values()),
            ((row["title"], *(MARKS[row.get(peer, "").partition(":")[0]] for peer in peers)) for row in rows),
        ),
        "Không được vì · What they cannot, and why:",
        table(("Dạng · Form", "Phần mềm · Software", "Vì · Because"), refusals),
    )
