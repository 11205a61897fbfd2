"""What a partner's file says under ``[receives.soap]``. Closed: an unknown key is refused with its path."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connectors.credentials.settings import (
    ApiKey,
    Closed,
    HeaderName,
    NoAuth,
    SoapAuth,
    SoapElement,
    SoapUser,
)
from connectors.reach import Reach

_PATH = re.compile(r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$")


def _path(value: str) -> str:
    if not _PATH.match(value):
        raise ValueError("a path is element names joined by dots, below the child of Body")
    return value


Element = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.-]*$")]
ElementPath = Annotated[str, AfterValidator(_path)]
Source = Annotated[str, Field(pattern=r"^(key|dossier|fact:[A-Za-z_]\w*)$")]
Values = Annotated[tuple[str, ...], Field(min_length=1)]


class Asking(Closed):
    """The operation that tells whether the partner has a transfer.

    ``arguments``: element of the question → ``key`` (the transfer's), ``dossier`` or ``fact:<name>``. ``element``: the
    one in the reply that answers, by its values ``has``, ``has_not`` and ``refused``. Any other value: cannot tell.
    ``key``: the element that repeats the transfer's key; an answer about another key proves nothing.
    """

    operation: Element
    arguments: Annotated[dict[ElementPath, Source], Field(min_length=1)]
    element: ElementPath
    has: Values = ("true", "1")
    has_not: Values = ("false", "0")
    refused: tuple[str, ...] = ()
    key: ElementPath | None = None
    reference: ElementPath | None = None

    @model_validator(mode="after")
    def _each_value_says_one_thing(self) -> Self:
        values = (*self.has, *self.has_not, *self.refused)
        if len(values) != len(set(values)):
            raise ValueError("has, has_not and refused share no value")
        return self


class Status(Closed):
    """A business answer inside HTTP 200: the element with the code, the one with the prose, the codes that mean taken."""

    code: ElementPath
    message: ElementPath | None = None
    delivered: Values


class Settings(Reach):
    """One SOAP port; ``base_url`` is its address. ``wsdl``: ``<id>@<version>`` of the library. ``operations``: the hub's operation → the WSDL's, where they differ.

    ``any_output``: said on purpose that whatever the output holds, the operation was done. ``files_at``: elements in which files stand, in base64; the mapping writes a document's SHA-256 there.
    """

    signs: ClassVar[frozenset[str]] = frozenset({"wss"})
    believes: ClassVar[frozenset[str]] = frozenset({"wss"})
    wsdl: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*@[0-9][0-9.]*$")]
    service: Element | None = None
    port: Element | None = None
    version: Literal["1.1", "1.2"] = "1.1"
    operations: dict[str, Element] = Field(default_factory=dict)
    addressing: bool = False
    key_header: HeaderName | None = None
    status: Status | None = None
    any_output: bool = False
    reference: ElementPath | None = None
    key: ElementPath | None = None
    fault_code: ElementPath | None = None
    find: Asking | None = None
    auth: SoapAuth = NoAuth()
    files_at: tuple[ElementPath, ...] = ()

    def spoils(self, *, envelope: bool) -> str:
        """Why what the hub signs would not hold, by the words of a rule; empty: it does. ``envelope``: that is signed, not the payload."""
        if isinstance(self.auth, SoapElement) and not envelope:
            return "wss: auth.kind = soap_element writes a key into what the others sign"
        if isinstance(self.auth, SoapUser) and envelope:
            return "not wss: auth.kind = soap_user has the one Security header"
        return ""

    @model_validator(mode="after")
    def _one_word_on_what_means_taken(self) -> Self:
        if self.status and self.any_output:
            raise ValueError("status or any_output, not both")
        return self

    @property
    def tells_apart(self) -> bool:
        """Whether its question is about one transfer, so that *has* is true of no other of the same dossier."""
        asking = self.find
        return (
            not asking or bool(asking.key) or bool({"key", "fact:message"} & set(asking.arguments.values()))
        )

    @model_validator(mode="after")
    def _a_key_in_a_body_is_json(self) -> Self:
        if isinstance(self.auth, ApiKey) and self.auth.place == "body":
            raise ValueError("auth.place = body is for JSON; kind = soap_element")
        return self
