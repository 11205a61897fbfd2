"""How values of settings are written: durations, sizes, days, addresses. Each is read strictly, or refused with an example."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hub.deadlines.calendar import VIETNAM

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|y)")
_SIZE = re.compile(r"(\d+) ?(B|KB|MB|GB)")
_LISTEN = re.compile(r"(?P<host>[^:\s]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_HIGHEST_PORT = 65535


def seconds(value: object) -> object:
    """Read ``"30s"``, ``"5m"``, ``"1h"``; numbers are refused, because their unit would be a guess."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration: "500ms", "30s", "5m", "24h", "7d" or "10y"')
    return float(match.group(1)) * _UNITS[match.group(2)]


def octets(value: object) -> object:
    """Read ``"1MB"`` or a whole number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a size: "512KB", "1MB" or a number of bytes')
    return int(match.group(1)) * _SIZES[match.group(2)]


def listening(value: object) -> object:
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ValueError('an address and a port: "127.0.0.1:8080"')
    return value


def moment(value: object) -> datetime:
    """Read a day, which begins at midnight in Vietnam, or a time with its zone; a time without one would be a guess."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), VIETNAM).astimezone(UTC)
    raise ValueError("a day: 2027-01-31, or a time with its zone: 2027-01-31T08:00:00+07:00")


def database_address(value: object) -> object:
    """Nothing, or an address without its password: that stands in a file of its own."""
    if value == "":
        return value
    try:
        found = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.scheme not in {"postgresql", "postgres"}:
        raise ValueError('"" (an SQLite file in `data`) or "postgresql://user@host:5432/database"')
    if found.password is not None or "password" in parse_qs(found.query):
        raise ValueError("an address without a password; that stands in database_password_file")
    return value


def listening_or_off(value: object) -> object:
    return value if value == "off" else listening(value)


LONGEST = 100 * _UNITS["y"]
"""No moment that a duration leads to is one that no clock can tell."""
LARGEST_DOCUMENT = 8_000_000_000
"""Bytes; a file in a backup's tar may have 8 GB, what encrypting adds included."""
Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=LONGEST)]
Moment = Annotated[datetime, BeforeValidator(moment)]
Octets = Annotated[int, BeforeValidator(octets), Field(ge=1)]


class Closed(BaseModel):
    """Frozen, and every key known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def address(listen: str) -> tuple[str, int]:
    """Part a host from its port."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Say whether traffic to ``host`` stays on this machine; names other than ``localhost`` are not resolved."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
