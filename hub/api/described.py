"""What the API says of itself at ``/openapi.json``, made from ``hub.api.operations`` alone.

A linter, a fuzzer and a generated client of others' making hold the hub to it (``tests/foreign/test_openapi.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hub.api import problems, token_desk
from hub.api.operations import OPERATIONS, PARAMETERS, TAGS, TEXT, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastapi import FastAPI

SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, an access token of /token, or a JWS that the partner signed (ID_AUTH_REST_01, _02)",
    },
    "clientCredentials": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": token_desk.PATH,
                "scopes": {token_desk.SCOPE: "what the partner's file allows"},
            }
        },
    },
    "clientCertificate": {"type": "mutualTLS"},
}
REFERENCE = "#/components/schemas/"
NAMES = {"hub.lifecycle.State": "TransferState", "schemas.dossier.State": "DossierState"}


def describe(app: FastAPI, base: str) -> Callable[[], dict[str, Any]]:
    """Return what makes the description, once. ``base``: where this hub is for its callers."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app.title, app.version, base)
        return app.openapi_schema

    return described


def document(title: str, version: str, base: str) -> dict[str, Any]:
    """Make the whole description (OpenAPI 3.1)."""
    components = _Components()
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _operation(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Hub kết nối hồ sơ liên cơ quan · The hub between the systems of a province",
            "contact": {"name": title},
        },
        "servers": [{"url": base or "/"}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components.schemas(), "securitySchemes": SCHEMES},
    }


class _Components:
    """The types that operations name: collected first, so that each is described once."""

    def __init__(self) -> None:
        types = [
            *(
                each
                for operation in OPERATIONS.values()
                for each in _types([*operation.takes.values(), *operation.gives.values()])
            ),
            problems.ProblemDocument,
            token_desk.TokenRefused,
        ]
        self._types = list(dict.fromkeys(types))
        told, known = msgspec.json.schema_components(self._types, ref_template=f"{REFERENCE}{{name}}")
        self._known = _renamed(known)
        self._told = dict(zip(self._types, told, strict=True))

    def schema(self, said: Any) -> Any:  # noqa: ANN401 - a type of ours, or a schema that may hold one
        if isinstance(said, type):
            return self._told[said]
        if isinstance(said, dict):
            return {name: self.schema(value) for name, value in said.items()}
        if isinstance(said, list):
            return [self.schema(value) for value in said]
        return said

    def schemas(self) -> dict[str, Any]:
        return dict(sorted(self._known.items()))


def _renamed(told: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Two types of ours have the same name; the description calls each by what it is."""
    if isinstance(told, dict):
        return {NAMES.get(name, name): _renamed(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_renamed(value) for value in told]
    if isinstance(told, str) and told.startswith(REFERENCE):
        name = told.removeprefix(REFERENCE)
        return f"{REFERENCE}{NAMES.get(name, name)}"
    return told


def _types(said: Any) -> Iterator[type]:  # noqa: ANN401 - a type of ours, or a schema that may hold some
    if isinstance(said, type):
        yield said
    for inner in said.values() if isinstance(said, dict) else said if isinstance(said, list) else ():
        yield from _types(inner)


def _operation(operation: Operation, components: _Components) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.says.partition(" · ")[2],
        "description": operation.says,
        "responses": _responses(operation, components),
        "security": [] if operation.open else [{name: []} for name in SCHEMES],
    }
    if operation.parameters:
        told["parameters"] = [_parameter(name) for name in operation.parameters]
    if operation.takes:
        told["requestBody"] = {"required": True, "content": _content(operation.takes, components)}
    return told


def _parameter(name: str) -> dict[str, Any]:
    said = PARAMETERS[name]
    told = {"name": name, "in": said.place, "description": said.says, "schema": dict(said.schema)}
    return {**told, "required": True} if said.place == "path" else told


def _responses(operation: Operation, components: _Components) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.says.partition(" · ")[2]}
    if operation.gives:
        good["content"] = _content(operation.gives, components)
    if operation.headers:
        good["headers"] = {
            name: {"description": says, "schema": TEXT} for name, says in operation.headers.items()
        }
    refusals = {str(status): _refused(operation, status, components) for status in sorted(operation.refusals)}
    return {str(operation.status): good, **refusals, "default": _refused(operation, 0, components)}


def _refused(operation: Operation, status: int, components: _Components) -> dict[str, Any]:
    told = operation.errors.get(status, {problems.MEDIA_TYPE: problems.ProblemDocument})
    return {
        "description": "Từ chối, kèm mã của danh mục lỗi · Refused, with a code of the error catalogue",
        "content": _content(told, components),
    }


def _content(media: Mapping[str, Any], components: _Components) -> dict[str, Any]:
    return {name: {"schema": components.schema(said)} for name, said in media.items()}
