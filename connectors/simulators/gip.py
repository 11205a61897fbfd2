"""The tax gateway: SOAP 1.1 around a ``DATA`` message in CDATA, asked about the land duties of a dossier.

A question is a question: the same ``MSG_ID`` again gets the same answer. A dossier whose number is even has one notice, any other two;
one that ends in ``0404`` is not known (``TRANGTHAI`` 02, no notices). ``ERROR_CODE`` is empty where all went well, as on real answers.
``sealed`` signs each answer, ``checked`` looks at each question's signature.
Run: ``python -m connectors.simulators.gip --port 9004 --journal var/gip.jsonl``
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from lxml import etree

from connectors.simulators.desk import Said
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.simulators.desk import Call, Entry, Journal

OPERATION = "xuLyTruyVanMsg"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ASKS, ANSWERS = "http://gip.request.com/", "http://gip.response.com/"
UNKNOWN = "0404"
_ID = re.compile(r"[A-Za-z0-9._-]+?\d{8}\d{7}")
_NOTICE = (
    "<ROW_SOTHUE><MA_HS>{dossier}</MA_HS><MA_GCN/><SO_THUADAT>15</SO_THUADAT><SO_TO_BANDO>7</SO_TO_BANDO><TEN_NNT>Nguyễn Văn Mẫu</TEN_NNT>"
    "<SO_QUYET_DINH>LTB1960000-TK000000{number}/TB-CCT</SO_QUYET_DINH><NGAY_QUYET_DINH>2019-04-16 00:00:00.0</NGAY_QUYET_DINH>"
    "<MA_CHUONG>757</MA_CHUONG><MA_TMUC>{item}</MA_TMUC><TEN_TMUC>{name}</TEN_TMUC><LOAI_TK_NSNN>7111</LOAI_TK_NSNN>"
    "<SO_CON_PHAI_NOP>{amount}</SO_CON_PHAI_NOP><HAN_NOP>2019-05-16 00:00:00.0</HAN_NOP><SHKB>1769</SHKB></ROW_SOTHUE>"
)
_ITEMS = (("2801", "Lệ phí trước bạ nhà đất", "1250000"), ("1006", "Thuế thu nhập cá nhân", "5000000"))


class Gip:
    """``secret``: what stands in ``X-API-Key``."""

    def __init__(
        self,
        journal: Journal,
        secret: str = "",
        *,
        sealed: Callable[[bytes], bytes] = lambda data: data,
        checked: Callable[[bytes], object] = lambda _: None,
    ) -> None:
        self.journal, self._secret, self._sealed, self._checked = journal, secret, sealed, checked
        self._known: dict[str, Entry] = {entry.key: entry for entry in journal.entries}

    def name(self, call: Call) -> str:  # noqa: ARG002 - it has one operation
        return OPERATION

    def answer(self, call: Call) -> Said:
        if self._secret and call.headers.get("x-api-key") != self._secret:
            return Said(body=b"<html>401</html>", status=401, media_type="text/html")
        found = etree.fromstring(call.body).findtext(f"{{{SOAP}}}Body/{{{ASKS}}}{OPERATION}/in_msg") or ""
        self._checked(found.encode())
        data = etree.fromstring(found.encode())
        name, dossier = data.findtext("HEADER/MSG_ID") or "", data.findtext("BODY/ROW/MA_HS") or ""
        if not _ID.fullmatch(name) or data.findtext("HEADER/TRAN_CODE") != "00046":
            return self._said(name, "", error=("10", "Sai định dạng"))
        known = self._known.get(name)
        if known is None:
            reference = f"GIP20190416{len(self._known) + 1:07d}"
            known = self.journal.record(OPERATION, call.body, key=name, dossier=dossier, reference=reference)
            self._known[name] = known
        return self._said(name, known.reference, tax=_tax(known.dossier))

    def refusal(self, call: Call) -> Said:  # noqa: ARG002 - it refuses every question alike
        return self._said("", "", error=("99", "Bản tin không hợp lệ"))

    def expire(self) -> None:
        """Nothing to forget: every call proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret,) if self._secret else ()

    def _said(self, about: str, name: str, *, tax: str = "", error: tuple[str, str] = ("", "")) -> Said:
        data = (
            f"<DATA><HEADER><VERSION>1</VERSION><SENDER_CODE>GIP</SENDER_CODE><TRAN_CODE>05011</TRAN_CODE><MSG_ID>{name}</MSG_ID>"
            f"<MSG_REFID>{escape(about)}</MSG_REFID><SEND_DATE>04-16-2019</SEND_DATE><ERROR_CODE>{error[0]}</ERROR_CODE>"
            f"<ERROR_DESC>{error[1]}</ERROR_DESC></HEADER><BODY><ROW><TYPE>00110</TYPE>{tax}</ROW></BODY><SECURITY/></DATA>"
        )
        body = (
            f'<S:Envelope xmlns:S="{SOAP}"><S:Body><ns0:{OPERATION}Response xmlns:ns0="{ANSWERS}"><return><![CDATA['
            f"{self._sealed(data.encode()).decode()}]]></return></ns0:{OPERATION}Response></S:Body></S:Envelope>"
        )
        return Said(body=body.encode(), media_type="text/xml; charset=utf-8")


def _tax(dossier: str) -> str:
    if dossier.endswith(UNKNOWN):
        return "<SOTHUE><TRANGTHAI>02</TRANGTHAI><MOTA_TRANGTHAI>Không tồn tại mã hồ sơ</MOTA_TRANGTHAI></SOTHUE>"
    count = 1 if dossier[-1:] in set("02468") else 2
    rows = "".join(
        _NOTICE.format(dossier=escape(dossier), number=number, item=item, name=name, amount=amount)
        for number, (item, name, amount) in enumerate(_ITEMS[:count], 1)
    )
    return (
        "<SOTHUE><TRANGTHAI>01</TRANGTHAI><MOTA_TRANGTHAI>Thành công</MOTA_TRANGTHAI>"
        f"<TONG_TIEN><MA_SO_THUE>8000000001</MA_SO_THUE><TT_NNT>1</TT_NNT>{rows}</TONG_TIEN></SOTHUE>"
    )


def main() -> None:
    arguments = options("Simulated tax gateway").parse_args()
    secret = secret_of(arguments)
    serve(arguments.port, arguments.journal, lambda journal: Gip(journal, secret))


if __name__ == "__main__":
    main()
