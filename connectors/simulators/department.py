"""A department's SOAP service that does not exist yet: document/literal, any namespace, the names given on the command line.

For trying a partner file and a mapping before the department's own test system is there. It keeps the element ``--key``: the
same value again gets its first answer, other content under it a refusal. The operation ``--ask`` says what it has.

Run: ``python -m connectors.simulators.department --port 9102 --journal var/department.jsonl --key MaGiaoDich --ask TraCuu``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from connectors.simulators.desk import Said, digest
from connectors.simulators.server import options, serve

if TYPE_CHECKING:
    from connectors.simulators.desk import Call, Entry, Journal

TAKEN, UNKNOWN, REFUSED = "0", "404", "12"


class Names(NamedTuple):
    """Local names: of the key, of the question, and of the answer's parts. ``prefix``: how its own numbers begin."""

    key: str
    ask: str
    answer: str = "KetQua"
    code: str = "Ma"
    number: str = "SoTiepNhan"
    prefix: str = ""


class Department:
    def __init__(self, journal: Journal, names: Names) -> None:
        self.journal, self._names = journal, names
        self._known: dict[str, Entry] = {entry.key: entry for entry in journal.entries}

    def name(self, call: Call) -> str:
        found = _child(call.body)
        return "" if found is None else etree.QName(found).localname

    def answer(self, call: Call) -> Said:
        found = _child(call.body)
        if found is None:
            return Said(body=b"no SOAP envelope", status=400, media_type="text/plain")
        key = (found.findtext(f".//{{*}}{self._names.key}") or "").strip()
        if etree.QName(found).localname == self._names.ask:
            known = self._known.get(key)
            return self._said(found, key, TAKEN if known else UNKNOWN, known.reference if known else "")
        return self._take(found, key)

    def refusal(self, call: Call) -> Said:
        found = _child(call.body)
        return self.answer(call) if found is None else self._said(found, "", REFUSED, "")

    def expire(self) -> None:
        """Nothing to forget: nobody logs in."""

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _take(self, document: etree._Element, key: str) -> Said:
        content = etree.tostring(document, method="c14n", exclusive=True, with_tail=False)
        known = self._known.get(key)
        if not key or (known is not None and known.digest != digest(content)):
            return self._said(document, key, REFUSED, "")
        if known is None:
            number = f"{self._names.prefix}{len(self.journal.entries) + 1}"
            operation = etree.QName(document).localname
            known = self.journal.record(operation, content, key=key, dossier="", reference=number)
            self._known[key] = known
        return self._said(document, key, TAKEN, known.reference)

    def _said(self, document: etree._Element, key: str, code: str, number: str) -> Said:
        names, theirs = self._names, etree.QName(document).namespace
        soap = etree.QName(document.getroottree().getroot()).namespace
        result = etree.Element(f"{{{theirs}}}{names.answer}", nsmap={"d": theirs})
        for name, value in ((names.key, key), (names.code, code), (names.number, number)):
            if value:
                etree.SubElement(result, f"{{{theirs}}}{name}").text = value
        envelope = etree.Element(f"{{{soap}}}Envelope", nsmap={"soap": soap})
        etree.SubElement(envelope, f"{{{soap}}}Body").append(result)
        return Said(
            body=etree.tostring(envelope, xml_declaration=True, encoding="utf-8"),
            media_type="text/xml; charset=utf-8",
        )


def _child(body: bytes) -> etree._Element | None:
    """Return the one child of the envelope's Body; nothing where there is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return None
    found = root.findall("{*}Body/*")
    return found[0] if len(found) == 1 and b"<!DOCTYPE" not in body else None


def main() -> None:
    parser = options("Simulated department")
    parser.add_argument("--key", required=True, help="element that holds the transaction's key")
    parser.add_argument("--ask", required=True, help="operation that asks whether a key is known")
    for name, default in Names._field_defaults.items():
        parser.add_argument(f"--{name}", default=default)
    told = parser.parse_args()
    names = Names(*(getattr(told, name) for name in Names._fields))
    serve(told.port, told.journal, lambda journal: Department(journal, names))


if __name__ == "__main__":
    main()
