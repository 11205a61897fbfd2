"""``metrics.md``, from the catalogue of figures and the rules of conservation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.metrics.catalogue import METRICS, PREFIX
from hub.store.sql.rules import one_query
from tools.reference.markdown import page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

SHOWN_AS = {"counter": "_total", "info": "_info"}


def metrics_page(_: Meanings) -> str:
    head = ("Tên · Name", "Loại · Kind", "Nhãn · Labels", "Nghĩa", "Meaning")
    rows = [
        (
            f"`{PREFIX}{metric.name}{SHOWN_AS.get(metric.kind, '')}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.vi,
            metric.en,
        )
        for metric in METRICS
    ]
    return page(
        "Số đo · Metrics",
        "`hub/metrics/catalogue.py`, `hub/store/sql/rules.py`",
        "`GET /metrics` ở `[metrics] listen`. Trang cho cả hub, dù tiến trình nào trả lời: chỉ thu thập ở **một** địa chỉ. Không nhãn nào mang"
        " dữ liệu cá nhân.\n\n"
        "`GET /metrics` at `[metrics] listen`. The page is of the whole hub, whichever process answers: scrape **one** address. No label carries"
        " personal data. Processes tell the store every five seconds what they counted; one that is killed takes with it what it had not told.",
        table(head, rows),
        "## Bảo toàn trong một câu · Conservation as one query",
        "Không dòng nào: mọi quy tắc đều đúng. Lâu theo cỡ kho; hub tự hỏi từng phần ngắn. Một câu cho SQLite và PostgreSQL.\n\n"
        "No row: every rule holds. It takes as long as the store is large; the hub itself asks in short pieces. One query for SQLite and"
        " PostgreSQL.",
        f"```sql\n{one_query()};\n```",
    )
