"""The tax authority's gateway (GIP): SOAP 1.1, ``xuLyTruyVanMsg`` with a signed ``<DATA>`` document as CDATA in ``in_msg``.

It answers land-duty questions (``TRAN_CODE`` 00046, answered as 05011 with ``TYPE`` 00110) and says its refusals as ``ERROR_CODE`` inside HTTP 200. What is no
such envelope gets a SOAP Fault. Answers take turns: ``SEND_DATE`` in one of the two forms of real answers, ``ERROR_CODE`` ``00`` or empty where all went well.
With ``callers`` a question must be signed by one of them; a signature that is there is always checked. With a ``seal`` answers are signed. The
same question again under its ``MSG_ID`` gets an answer of the same number, another question under it is refused.

``00`` is the only error code that was ever published, and ``01`` the only status, which says that something is owed; the others are this simulator's own
(``gip_answers.CODES``, ``STATES``). In what gateways differ: ``Habits``.

Run: ``python -m connectors.simulators.gip --port 9004 --journal var/gip.jsonl``
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from connectors.simulators.desk import Said
from connectors.simulators.gip_answers import (
    CODES,
    HERE,
    OPERATION,
    SOAP,
    begun,
    enclosed,
    fault_of,
    numbered,
    row_of,
    spelled,
)
from connectors.simulators.gip_duties import assessed, owed, read, tell
from connectors.simulators.gip_questions import No, asked, document_in, header_of, parsed
from connectors.simulators.gip_seal import BadSeal, Seal, signer, stamp
from connectors.simulators.gip_token import proved
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.simulators.desk import Call, Entry, Journal
    from connectors.simulators.gip_duties import Payer

ASK = "http://gip.request.com/"
OWED, NOTHING_YET, PAID = "01", "02", "03"
STATES = {OWED: "Còn nợ thuế đất", NOTHING_YET: "Chưa có thông báo thuế", PAID: "Không còn nợ thuế đất"}


class _Fault(Exception):  # noqa: N818 - becomes a SOAP Fault
    pass


class Habits(NamedTuple):
    """In what gateways differ, or nobody published. ``receiver``: whom answers are addressed to; ``asks_by``: where in BODY/ROW the dossier is named;
    ``qualified``: ``in_msg`` stands in the operation's namespace; ``silent``: answers do not say which question they are about.
    """

    receiver: str = "DVCQG"
    asks_by: str = "MA_HS"
    qualified: bool = False
    silent: bool = False


class Gip:
    """``secret``: what the province's gateway in front wants in ``X-API-Key``, or the password of a UsernameToken. ``callers``: whose signatures
    count; empty: nobody has to sign. ``seal``: what answers are signed with. ``spoil``: what happens to a document on its way back.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a gateway may have or not
        self,
        journal: Journal,
        secret: str = "",
        *,
        clock: Callable[[], datetime],
        duties: Callable[[str], tuple[Payer, ...]] = assessed,
        callers: tuple[x509.Certificate, ...] = (),
        seal: Seal | None = None,
        habits: Habits = Habits(),  # noqa: B008 - a frozen tuple
        spoil: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.journal, self._clock, self._duties = journal, clock, duties
        self._secret, self._callers, self._seal, self._spoil = secret, callers, seal, spoil
        self._habits = habits
        self._known: dict[str, Entry] = {entry.key: entry for entry in journal.entries}
        self._answers = len(journal.entries)
        self._seen: set[bytes] = set()

    def name(self, call: Call) -> str:
        try:
            self._carried(call)
        except _Fault:
            return ""
        return OPERATION

    def answer(self, call: Call) -> Said:
        if call.method != "POST":
            return Said(body=b"", status=405, media_type="text/plain", headers={"Allow": "POST"})
        if self._secret and not self._knows(call):
            return Said(body=b"<html>401 Unauthorized</html>", status=401, media_type="text/html")
        try:
            carried = self._carried(call)
        except _Fault as fault:
            return fault_of(str(fault))
        header: dict[str, str] = {}
        try:
            document = document_in(carried)
            header |= header_of(document)
            return self._look_up(document, header, carried)
        except No as no:
            return self._refused(header, no)
        except BadSeal as bad:
            return self._refused(header, No("signature", str(bad)))

    def _knows(self, call: Call) -> bool:
        """By the key of a gateway in front, or by WS-Security's UsernameToken, each nonce once."""
        nonce = proved(call.body, self._secret)
        known = call.headers.get("x-api-key") == self._secret or (
            nonce is not None and nonce not in self._seen
        )
        self._seen |= {nonce} if nonce is not None else set()
        return known

    def refusal(self, call: Call) -> Said:
        try:
            header = header_of(document_in(self._carried(call)))
        except (_Fault, No):
            header = {}
        return self._refused(header, No("refused", "Không xử lý được truy vấn"))

    def expire(self) -> None:
        """Nothing to forget: every question proves itself."""

    def secrets(self) -> tuple[str, ...]:
        return (self._secret,) if self._secret else ()

    def _carried(self, call: Call) -> bytes:
        """Return the document inside the envelope."""
        if not call.headers.get("content-type", "").lower().startswith("text/xml"):
            raise _Fault("Content-Type phải là text/xml")
        root = parsed(call.body)
        if root is None or root.tag != f"{{{SOAP}}}Envelope":
            raise _Fault("Không phải phong bì SOAP 1.1")
        children = root.findall(f"{{{SOAP}}}Body/*")
        if len(children) != 1 or children[0].tag != f"{{{ASK}}}{OPERATION}":
            raise _Fault(f"Không có thao tác này, chỉ có {OPERATION}")
        inside = children[0].findall(f"{{{ASK}}}in_msg" if self._habits.qualified else "in_msg")
        if len(inside) != 1 or len(inside[0]):
            raise _Fault("Phải có đúng một in_msg, nội dung là CDATA")
        return (inside[0].text or "").strip().encode()

    def _look_up(self, document: etree._Element, header: dict[str, str], carried: bytes) -> Said:
        self._signed(document)
        dossier = asked(document, self._habits.asks_by)
        known = self._known.get(header["MSG_ID"])
        if known is not None and known.dossier != dossier:
            raise No("number", f"MSG_ID {header['MSG_ID']} đã dùng cho truy vấn khác")
        payers = self._duties(dossier)
        state = OWED if owed(payers) else PAID if payers else NOTHING_YET
        answer, number = self._begun(header, "ok", "", known.reference if known else "")
        row = row_of(answer)
        duty = etree.SubElement(row, "SOTHUE")
        etree.SubElement(duty, "TRANGTHAI").text = state
        etree.SubElement(duty, "MOTA_TRANGTHAI").text = STATES[state]
        tell(duty, dossier, payers if state == OWED else ())
        if known is None:
            self._known[header["MSG_ID"]] = self.journal.record(
                OPERATION, carried, key=header["MSG_ID"], dossier=dossier, reference=number
            )
        return self._sent(answer)

    def _signed(self, document: etree._Element) -> None:
        if not self._callers and document.find("SECURITY/*") is None:
            return
        certificate = signer(document)
        if self._callers and certificate not in self._callers:
            raise BadSeal("Chứng thư này không được đăng ký")
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise BadSeal("Chứng thư hết hạn")

    def _refused(self, header: dict[str, str], no: No) -> Said:
        answer, _ = self._begun(header, no.kind, str(no))
        row_of(answer)
        return self._sent(answer)

    def _begun(
        self, asked: dict[str, str], kind: str, said: str, number: str = ""
    ) -> tuple[etree._Element, str]:
        """Return an answer with its HEADER, and its number."""
        now, self._answers = self._clock().astimezone(HERE), self._answers + 1
        number = number or numbered(now, self._answers)
        sent, good = spelled(now, self._answers)
        values = {
            "RECEIVER_CODE": self._habits.receiver,
            "MSG_ID": number,
            "MSG_REFID": "" if self._habits.silent else asked.get("MSG_ID", ""),
            "SEND_DATE": sent,
            "ORIGINAL_DATE": sent,
            "ERROR_CODE": good if kind == "ok" else CODES[kind],
            "ERROR_DESC": said,
        }
        return begun(values), number

    def _sent(self, answer: etree._Element) -> Said:
        if self._seal is not None:
            stamp(answer, self._seal)
        return enclosed(self._spoil(etree.tostring(answer, encoding="utf-8")).decode())


def main() -> None:
    parser = options("Simulated gateway of the tax authority (GIP)")
    parser.add_argument(
        "--callers", type=Path, help="PEM certificates; questions must be signed by one of them"
    )
    parser.add_argument(
        "--key", type=Path, help="PEM private key that answers are signed with, with --certificate"
    )
    parser.add_argument("--certificate", type=Path, help="PEM certificate of --key")
    parser.add_argument(
        "--duties", type=Path, help="JSON, {dossier: [payer]}; without it the number's last digit decides"
    )
    parser.add_argument("--receiver", default="DVCQG", help="RECEIVER_CODE of answers")
    parser.add_argument("--asks-by", default="MA_HS", help="the child of BODY/ROW that names the dossier")
    parser.add_argument("--qualified", action="store_true", help="in_msg stands in the operation's namespace")
    parser.add_argument(
        "--silent", action="store_true", help="answers do not say which question they are about"
    )
    given = parser.parse_args()
    secret = secret_of(given)
    seal = _seal(given.key, given.certificate) if given.key else None
    callers = tuple(x509.load_pem_x509_certificates(given.callers.read_bytes())) if given.callers else ()

    def known(dossier: str) -> tuple[Payer, ...]:
        return read(given.duties).get(dossier, ()) if given.duties else assessed(dossier)

    def opened(journal: Journal) -> Gip:
        return Gip(
            journal,
            secret,
            clock=lambda: datetime.now(UTC),
            duties=known,
            callers=callers,
            seal=seal,
            habits=Habits(given.receiver, given.asks_by, given.qualified, given.silent),
        )

    serve(given.port, given.journal, opened)


def _seal(key: Path, certificate: Path) -> Seal:
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("--key: an RSA key")
    return Seal(private, x509.load_pem_x509_certificate(certificate.read_bytes()))


if __name__ == "__main__":
    main()
