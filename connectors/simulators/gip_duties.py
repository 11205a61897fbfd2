"""Land duties that the simulated tax gateway knows: by a file, or by the last digits of a dossier's number.

Numbers that end in 00: nothing assessed yet; in 2 or 4: two demands to one payer; in 3: two payers; in 55: assessed and paid, so that nothing is owed any more; any other: one demand to one
payer, which is where a reader that turns lists of one into their element goes wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from lxml import etree

if TYPE_CHECKING:
    from pathlib import Path

SUBITEMS = {
    "2801": "Lệ phí trước bạ nhà đất",
    "1006": "Thuế TNCN từ chuyển nhượng bất động sản",
    "1401": "Tiền sử dụng đất",
}


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """One row. Dates ``yyyy-MM-dd``; amounts in đồng, what is still to be paid. ``more``: any other field of the row by its name."""

    decision: str
    decided: str
    due: str
    amount: int
    subitem: str = "2801"
    chapter: str = "757"
    account: str = "7111"
    parcel: str = "15"
    sheet: str = "7"
    more: dict[str, str] = {}


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    tax_code: str
    name: str = ""
    demands: tuple[Demand, ...] = ()


def assessed(dossier: str) -> tuple[Payer, ...]:
    """Return who owes what for a dossier; nobody: nothing is assessed yet."""
    if dossier[-2:] in {"", "00"}:
        return ()
    if dossier[-2:] == "55":
        return (_payer(1, _demand(1, amount=0)),)
    match dossier[-1]:
        case "2" | "4":
            return (_payer(1, _demand(1), _demand(2, "1006", 5_000_000)),)
        case "3":
            return _payer(1, _demand(1)), _payer(2, _demand(2, "1401", 90_000_000))
        case _:
            return (_payer(1, _demand(1)),)


def _payer(number: int, *demands: Demand) -> Payer:
    return Payer(tax_code=f"800000000{number}", name=f"Người nộp thuế {number}", demands=demands)


def _demand(number: int, subitem: str = "2801", amount: int = 1_250_000) -> Demand:
    return Demand(
        decision=f"LTB1960000-TK{number:07d}/TB-CCT",
        decided="2019-04-16",
        due="2019-05-16",
        subitem=subitem,
        amount=amount,
    )


def owed(payers: tuple[Payer, ...]) -> int:
    return sum(demand.amount for payer in payers for demand in payer.demands)


def read(file: Path) -> dict[str, tuple[Payer, ...]]:
    """Read ``{dossier: [payer, …]}``. Raises ``msgspec.MsgspecError``."""
    return msgspec.json.decode(file.read_bytes(), type=dict[str, tuple[Payer, ...]])


def tell(parent: etree._Element, dossier: str, payers: tuple[Payer, ...]) -> None:
    """Write ``TONG_TIEN`` for each payer."""
    for payer in payers:
        total = etree.SubElement(parent, "TONG_TIEN")
        _texts(
            total,
            {"MA_SO_THUE": payer.tax_code, "TT_NNT": str(sum(demand.amount for demand in payer.demands))},
        )
        for demand in payer.demands:
            _texts(etree.SubElement(total, "ROW_SOTHUE"), _row(dossier, payer, demand))


def _row(dossier: str, payer: Payer, demand: Demand) -> dict[str, str]:
    return {
        "MA_HS": dossier,
        "MA_GCN": "",
        "SO_THUADAT": demand.parcel,
        "SO_TO_BANDO": demand.sheet,
        "MA_SO_THUE": payer.tax_code,
        "TEN_NNT": payer.name,
        "SO_QUYET_DINH": demand.decision,
        "NGAY_QUYET_DINH": f"{demand.decided} 00:00:00.0",
        "MA_CHUONG": demand.chapter,
        "MA_TMUC": demand.subitem,
        "TEN_TMUC": SUBITEMS.get(demand.subitem, ""),
        "LOAI_TK_NSNN": demand.account,
        "MA_CQUAN_THU": "1054367",
        "SO_CON_PHAI_NOP": str(demand.amount),
        "HAN_NOP": f"{demand.due} 00:00:00.0",
        "SHKB": "1769",
        **demand.more,
    }


def _texts(parent: etree._Element, texts: dict[str, str]) -> None:
    for name, value in texts.items():
        etree.SubElement(parent, name).text = value or None
