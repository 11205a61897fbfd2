"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

DISTRIBUTION = "lienthong"


def own_version() -> str:
    """Return the installed version; ``0`` when run from a checkout that was never installed."""
    try:
        return installed(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
