"""What a WSDL says about the calls we make: action, elements, types. zeep reads it from disk, once per connector.

zeep never opens a connection here and never parses a reply's bytes: it is given elements that ``envelope.read`` let
through. Only document/literal with one part (WS-I BP 1.1 R2706, R2210) is spoken. Whatever a partner's file says that the WSDL
does not know is refused when the file is read (HUB-CFG-001), not when a dossier waits.
"""

from __future__ import annotations

import contextlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from lxml import etree
from zeep import Settings as ZeepSettings
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap11Binding, Soap12Binding
from zeep.wsdl.messages.soap import DocumentMessage
from zeep.xsd.context import XmlParserContext

from connectors.soap.envelope import Unreadable
from schemas.library import listed_parser, source_of
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.library import Library

STRICT = ZeepSettings(
    strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, force_https=False
)
_BINDINGS = {"1.1": Soap11Binding, "1.2": Soap12Binding}


class Call(msgspec.Struct, frozen=True):
    """One operation of the WSDL. ``input``, ``output``: names of the Body's child, ``output`` empty for one-way."""

    name: str
    action: str
    input: str
    output: str
    _operation: Any
    _types: Any
    _schemas: tuple[etree.XMLSchema, ...] = ()

    def question(self, arguments: Mapping[str, str]) -> bytes:
        """Build the Body's child from plain values; keys are paths below it."""
        message = self._operation.input.body
        parent = etree.Element("parent")
        message.render(parent, message(**_nested(arguments)))
        return etree.tostring(parent[0], method="c14n", exclusive=True)

    def check(self, child: etree._Element | None) -> None:
        """Let through what follows the output's type. Raises ``Unreadable``.

        What is valid by the WSDL's own schema follows it; what is not may still be what zeep takes for it. Values are then read as text, not from zeep: its xs:boolean turns every unknown word into *false*.
        """
        if (child.tag if child is not None else "") != self.output:
            raise Unreadable("the Body's child is not the operation's output")
        if child is None or any(schema.validate(child) for schema in self._schemas):
            return
        try:
            context = XmlParserContext(settings=STRICT)  # type: ignore[no-untyped-call]
            self._operation.output.body.parse(child, self._types, context=context)
        except Exception as error:  # zeep's readers raise whatever a partner's value makes them
            raise Unreadable("the reply does not follow the WSDL") from error

    @property
    def says_more(self) -> bool:
        """Whether the output holds anything beside its own name."""
        output = self._operation.output
        told = getattr(output.body, "type", None) if output is not None else None
        named = getattr(told, "elements", None)
        return told is not None and (named is None or any(each.name for _, each in named))

    def knows(self, path: str, *, of: str) -> bool:
        """Say whether ``path`` stands in the input's or the output's type."""
        message = self._operation.input if of == "input" else self._operation.output
        node = message.body if message is not None else None
        for name in path.split("."):
            node = dict(getattr(getattr(node, "type", None), "elements", ())).get(name)
        return node is not None


class Service(msgspec.Struct, frozen=True):
    """One port: where it listens, and its calls by name."""

    address: str
    calls: Mapping[str, Call]


def load(
    library: Library, ref: str, *, version: str, service: str | None = None, port: str | None = None
) -> Service:
    """Read one port of ``<id>@<version>`` of the library. Raises ``Refusal`` with HUB-SCH-011 or HUB-CFG-001."""
    name, _, number = ref.partition("@")
    path = library.find("wsdl", name, number).resolve()
    try:
        disk: Any = _Listed(path.parent)
        document = Document(str(path), disk, settings=STRICT)
    except Exception as error:
        raise refuse("HUB-CFG-001", "wsdl", rule="a readable WSDL", detail=type(error).__name__) from error
    found = [
        candidate
        for name, offered in document.services.items()
        if service in (None, name)
        for port_name, candidate in offered.ports.items()
        if port in (None, port_name) and isinstance(candidate.binding, _BINDINGS[version])
    ]
    if len(found) != 1:
        raise refuse(
            "HUB-CFG-001", "port", rule=f"one port with SOAP {version}", detail=f"{len(found)} ports fit"
        )
    schemas = _schemas(path)
    calls = {
        name: _call(op, document.types, schemas) for name, op in found[0].binding.all().items() if _plain(op)
    }
    return Service(found[0].binding_options["address"], calls)


def _schemas(path: Path) -> tuple[etree.XMLSchema, ...]:
    """Compile the WSDL's schemas, those that stand by themselves; zeep knows the others."""
    parser = listed_parser()
    compiled = []
    for types in etree.parse(str(path), parser).iterfind("{*}types"):
        for schema in types.iterfind("{http://www.w3.org/2001/XMLSchema}schema"):
            alone = etree.fromstring(etree.tostring(schema), parser, base_url=str(path))
            with contextlib.suppress(etree.XMLSchemaParseError):
                compiled.append(etree.XMLSchema(alone))
    return tuple(compiled)


class _Listed:
    """What zeep loads through: files of the WSDL's own folder whose digests its ``SOURCE.toml`` lists, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._digests = folder, source_of(folder).files

    def load(self, url: str) -> bytes:
        path = self._folder.joinpath(url.removeprefix("file://")).resolve()
        content = path.read_bytes() if path.parent == self._folder else b""
        if self._digests.get(path.name) != sha256(content).hexdigest():
            raise ValueError("not in the library")
        return content


def _plain(operation: Any) -> bool:  # noqa: ANN401 - zeep has no types
    """Document/literal with one part, which is what can be signed and spliced."""
    messages = [m for m in (operation.input, operation.output) if m is not None]
    return all(isinstance(m, DocumentMessage) and not m._is_body_wrapped for m in messages)  # noqa: SLF001 - zeep says it nowhere else


def _call(operation: Any, types: Any, schemas: tuple[etree.XMLSchema, ...]) -> Call:  # noqa: ANN401 - zeep has no types
    def name(message: Any) -> str:  # noqa: ANN401
        return str(message.body.qname.text) if message is not None and message.body is not None else ""

    return Call(
        operation.name,
        operation.soapaction or "",
        name(operation.input),
        name(operation.output),
        operation,
        types,
        schemas,
    )


def _nested(arguments: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in arguments.items():
        node = tree
        *parents, last = path.split(".")
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = value
    return tree
