"""How the API's own description says who may call: the ways of ``hub.api.callers``, each enough by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from collections.abc import Callable

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
                "tokenUrl": "/token",
                "scopes": {"default": "what the partner's file allows"},
            }
        },
    },
    "clientCertificate": {"type": "mutualTLS"},
}
KNOWN: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
"""For addresses behind a door."""


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what makes the description of ``app``, once."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            made.setdefault("components", {})["securitySchemes"] = SCHEMES
            app.openapi_schema = made
        return app.openapi_schema

    return described
