"""edXML of QCVN 102:2016 on the wire: lenient on what comes, exact on what goes out.

What comes is read by local names, whatever prefix, namespace or order it has: files in the field differ in all three. What
stands once in a row and comes more than once goes on under ``<name>+``. The signature is no word of the document; the raw bytes
keep it. A file inside is known by the SHA-256 and size of what its base64 says: the manifest's ``Reference`` and the
``Attachment`` of the same ``ContentId`` become one record, in which ``ContentTransferEncoded`` holds ``Sha256``, ``Size`` or ``Href``.

What goes out has the root in the default namespace, everything in the envelope under the prefix ``edXML``, and ``AttachmentEncoded``
behind it, as documents in the field have it; it is its own exclusive C14N form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lxml import etree

from schemas.canonical_xml import attributes, escaped
from schemas.edxml_files import (
    CONTENT,
    ENCLOSURES,
    ENVELOPE,
    META,
    NAMESPACE,
    VERSION,
    Plan,
    at,
    bring_together,
    line_of,
    local,
    tree_of,
)
from schemas.problems import Problem, refuse
from schemas.strict_xml import element_path, gate_xml, hardened_parser, parse_gated
from schemas.text import is_nfc, tidy_text
from schemas.validation import Schema, XmlSchema

if TYPE_CHECKING:
    from schemas.code import Tree
    from schemas.table import Operation, Table

PREFIX = "edXML"
_HEADER = (ENVELOPE, "edXMLHeader")
ERRORS = "ErrorList"


class Parsed(NamedTuple):
    root: etree._Element
    tree: Tree


class EdxmlSide:
    """One table's documents. The same questions as ``schemas.wire.XmlSide`` answers."""

    prefix = ""

    def __init__(self, table: Table) -> None:
        self._table, self._parser = table, hardened_parser()
        self._plans = [(one, _plan(table, one.record)) for one in table.operation.values()]
        self._kinds, self._business = table.codes.get("kind", {}), table.codes.get("business", {})
        self._phrases = {kind: phrase for phrase, kind in self._kinds.items()}

    # --- what comes

    def parse(self, raw: bytes) -> Parsed:
        gate_xml(raw)
        root = parse_gated(raw, self._parser)
        if local(root) != "edXML":
            raise refuse("HUB-SCH-009", element_path(root), line=line_of(root), rule="an edXML document")
        if b"&" in raw or not is_nfc(raw):
            for element in root.iter(etree.Element):
                if element.text and local(element) != CONTENT:
                    element.text = tidy_text(element.text)
        plan = next(plan for one, plan in self._plans if not one.marker or _has(root, one.marker))
        tree = tree_of(root, plan)
        tree.pop("@", None)
        bring_together(tree, root)
        self._settle(tree)
        return Parsed(root, tree)

    def _settle(self, tree: Tree) -> None:
        """Fill in what a document may leave out and the canonical words need: its moment, its id, what kind of document it is."""
        header = at(tree, _HEADER)
        message = at(header, ("MessageHeader",))
        if _is_word(header, message):
            _settle_word(header, message)
            return
        if not message:
            return
        trace = header.setdefault("TraceHeaderList", {})
        first = trace.get("TraceHeader") if isinstance(trace, dict) else None
        day = at(message, ("PromulgationInfo",)).get("PromulgationDate")
        if isinstance(trace, dict) and not first and day:
            trace["TraceHeader"] = {"Timestamp": day}
        if not message.get("DocumentId"):
            named = document_id(message)
            if named:
                message["DocumentId"] = named
        if isinstance(trace, dict):
            self._say_kind(trace)

    def _say_kind(self, trace: Tree) -> None:
        """A reason in free words says nothing of the kind; the kind of document does, and the words are kept."""
        business = trace.setdefault("Bussiness", {})
        if not isinstance(business, dict):
            return
        said = business.get("BussinessDocReason")
        if said in self._kinds:
            return
        kind = self._business.get(business.get("BussinessDocType") or "0")
        if kind in self._phrases:
            business["BussinessDocReason"] = self._phrases[kind]
            business["OwnReason"] = said or ""

    def record(self, parsed: Parsed) -> Any:  # noqa: ANN401 - the same tree that JSON gives
        return parsed.tree

    def at(self, parsed: Parsed, place: str) -> str | None:
        """Return the text at a place; of a status message, which has no id, what it says of which document and when."""
        header = at(parsed.tree, _HEADER)
        message = at(header, ("MessageHeader",))
        if _is_word(header, message):
            about = at(message, ("ResponseFor",))
            said = (about.get("DocumentId"), message.get("StatusCode", ERRORS), message.get("Timestamp"))
            return "#".join(map(str, said)) if all(said) else None
        *way, last = place.split("/")[1:]
        value = at(parsed.tree, way).get(last)
        return value if isinstance(value, str) and value else None

    def is_one(self, operation: Operation, parsed: Parsed) -> bool:
        return not operation.marker or _has(parsed.root, operation.marker)

    def refusals(self, _schema: Schema, _parsed: Parsed, _raw: bytes) -> tuple[Problem, ...]:
        """Nothing is refused for its order or for what it leaves out; the rows say what must be there."""
        return ()

    def placed(self, problems: list[Problem], _raw: bytes, parsed: Parsed) -> list[Problem]:
        return [_placed(problem, parsed.root) for problem in problems]

    # --- what goes out

    def payload(self, record: Tree, operation: Operation) -> bytes:
        plan = next(plan for one, plan in self._plans if one == operation)
        tree = _known_only(self._whole(record), plan)
        out = [f'<{PREFIX} xmlns="{NAMESPACE}"{attributes(tree)}>']
        envelope = tree.get(ENVELOPE, {})
        out.append(f'<{PREFIX}:{ENVELOPE} xmlns:{PREFIX}="{NAMESPACE}">')
        _write(envelope, out, f"{PREFIX}:")
        out.append(f"</{PREFIX}:{ENVELOPE}>")
        _write_files(_references(tree), out)
        _write({name: tree[name] for name in tree if name not in {ENVELOPE, "@"}}, out, "")
        out.append(f"</{PREFIX}>")
        return "".join(out).encode()

    def plainly(self, _name: str, _tree: Tree, _key: str) -> None:
        """There is one way only."""

    def wrong(self, schema: Schema, _record: Tree, payload: bytes) -> tuple[Problem, ...]:
        if not isinstance(schema, XmlSchema):
            return ()
        return schema.problems(parse_gated(payload, self._parser))

    def _whole(self, record: Tree) -> Tree:
        """Fill in what follows from the rest: the document's id, its kind, the manifest's version."""
        header = at(record, _HEADER)
        message = at(header, ("MessageHeader",))
        if not message or _is_word(header, message):
            return record
        business = dict(at(header, ("TraceHeaderList", "Bussiness")))
        own = business.pop("OwnReason", None)
        said = business.get("BussinessDocReason")
        types = {kind: number for number, kind in reversed(self._business.items())}
        number = business.get("BussinessDocType") or types.get(self._kinds.get(said or "", ""), "0")
        business = {"BussinessDocType": number, **business}
        if own is not None:
            business["BussinessDocReason"] = own
        if not business.get("BussinessDocReason"):
            business.pop("BussinessDocReason", None)
        named = message.get("DocumentId") or document_id(message)
        whom: Tree = {name: message[name] for name in ("From", "To", "To+") if name in message}
        message = {**whom, "DocumentId": named, **{n: message[n] for n in message if n != "DocumentId"}}
        trace = {**at(header, ("TraceHeaderList",)), "Bussiness": _first(business, "DocumentId")}
        header = {**header, "MessageHeader": message, "TraceHeaderList": trace}
        body = at(record, (ENVELOPE, "edXMLBody"))
        manifest = {"@": VERSION, **at(body, ("edXMLManifest",))}
        envelope = {
            **at(record, (ENVELOPE,)),
            "edXMLHeader": header,
            "edXMLBody": {**body, "edXMLManifest": manifest},
        }
        return {**record, ENVELOPE: envelope}


def _is_word(header: Tree, message: Tree) -> bool:
    """Whether it is about a document and none itself: a status, or what was wrong with it."""
    return "StatusCode" in message or ERRORS in header


def _settle_word(header: Tree, message: Tree) -> None:
    """An error that says no moment of its own happened when its trace says."""
    trace = at(header, ("TraceHeaderList", "TraceHeader")).get("Timestamp")
    if not message.get("Timestamp") and trace:
        message["Timestamp"] = trace


def _known_only(tree: Tree, plan: Plan) -> Tree:
    """Leave out what the standard does not have: it stays with the message, and goes to nobody."""
    kept: Tree = {}
    for said, value in tree.items():
        known = plan.get(said.removesuffix("+"))
        if said == "@":
            kept[said] = value
        elif known is not None:
            inside = known[1]
            kept[said] = value if inside is None else _each(value, inside)
    return kept


def _each(value: Any, plan: Plan) -> Any:  # noqa: ANN401 - a record, several, or a text where a record may stand
    if isinstance(value, list):
        return [_each(one, plan) for one in value]
    return _known_only(value, plan) if isinstance(value, dict) else value


def document_id(message: Tree) -> str:
    """Return ``<OrganId>,yyyy/MM/dd,<number>/<notation>``; empty when a part is missing."""
    code, parts = at(message, ("Code",)), at(message, ("PromulgationInfo",))
    organ = at(message, ("From",)).get("OrganId")
    day, number, notation = parts.get("PromulgationDate"), code.get("CodeNumber"), code.get("CodeNotation")
    return f"{organ},{day},{number}/{notation}" if all((organ, day, number, notation)) else ""


# --- trees of what came ---------------------------------------------------------------------------------------------


def _plan(table: Table, record: str) -> Plan:
    plan: Plan = {}
    for row in table.records[record]:
        name = row.wire.removesuffix("+")
        inside = _plan(table, row.record) if row.record else None
        many = row.many and not row.wire.endswith("+")
        _merge(plan, {name: (many, inside)})
    return plan


def _has(root: etree._Element, marker: str) -> bool:
    found: list[etree._Element] = [root]
    for name in marker.split("/")[1:]:
        found = [child for one in found for child in one.iterchildren(etree.Element) if local(child) == name]
    return bool(found)


def _merge(plan: Plan, other: Plan) -> None:
    for name, (many, inside) in other.items():
        known_many, known = plan.get(name, (False, None))
        if known is not None and inside is not None:
            _merge(known, inside)
        plan[name] = (many or known_many, known if known is not None else inside)


def _first(tree: Tree, name: str) -> Tree:
    return {name: tree[name], **tree} if name in tree else tree


# --- text of what goes out ------------------------------------------------------------------------------------------


def _write(record: Tree, out: list[str], prefix: str) -> None:
    for said, value in record.items():
        if said == "@":
            continue
        name = said.removesuffix("+")
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, dict):
                out.append(f"<{prefix}{name}>{escaped(each)}</{prefix}{name}>")
                continue
            out.append(f"<{prefix}{name}{attributes(each)}>")
            inside = (
                {n: each[n] for n in each if n not in {CONTENT, "Attachment"}}
                if name == "Reference"
                else each
            )
            _write(inside, out, prefix)
            out.append(f"</{prefix}{name}>")


def _references(tree: Tree) -> list[Tree]:
    said = at(tree, (ENVELOPE, "edXMLBody", "edXMLManifest")).get("Reference", [])
    return [each for each in said if CONTENT in each]


def _write_files(references: list[Tree], out: list[str]) -> None:
    if not references:
        return
    out.append(f"<{ENCLOSURES}>")
    for reference in references:
        other = reference.get("Attachment") or {}
        merged = {name: reference[name] for name in META if name in reference} | other
        out.append("<Attachment>")
        _write(
            {name: merged[name] for name in (*META, *(n for n in merged if n not in META)) if name in merged},
            out,
            "",
        )
        known = {name: reference[CONTENT][name] for name in sorted(reference[CONTENT])}
        stands = attributes({"@": known})
        out.append(f'<{PREFIX}:{CONTENT} xmlns:{PREFIX}="{NAMESPACE}"{stands}></{PREFIX}:{CONTENT}>')
        out.append("</Attachment>")
    out.append(f"</{ENCLOSURES}>")


# --- places -----------------------------------------------------------------------------------------------------------


def _placed(problem: Problem, root: etree._Element) -> Problem:
    """From pointer to element path and line, by local names; what is missing is placed at its parent's line."""
    element, tokens = root, problem.place.split("/")[1:]
    for index, token in enumerate(tokens):
        if token.isdigit():
            continue
        number = int(tokens[index + 1]) if index + 1 < len(tokens) and tokens[index + 1].isdigit() else 0
        name = token.removesuffix("+")
        same = [child for child in element.iterchildren(etree.Element) if local(child) == name]
        if number >= len(same):
            place = "/".join((element_path(element), *tokens[index:]))
            return msgspec.structs.replace(problem, place=place, line=line_of(element))
        element = same[number]
    return msgspec.structs.replace(problem, place=element_path(element), line=line_of(element))
