"""A land administration system that calls a one-stop about its dossiers.

``POST …/<call>/<security code>``; the dates are UTC, nothing that has no value is left out, ``Result`` alone is believed, and nothing is
said again by itself.
Run: ``python -m connectors.simulators.vbdlis_calls --url http://127.0.0.1:8080/vbdlis --code-file secrets/code KetThucHoSo call.json``
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec

from connectors.simulators.posting import post

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Answer(NamedTuple):
    """``result`` 0: not taken, or nothing that it understands came back."""

    result: int
    message: str = ""
    status: int = 0


class Caller:
    """``code``: the security code that the one-stop gave it."""

    def __init__(self, url: str, code: str) -> None:
        self._url, self._code = url.rstrip("/"), code

    async def say(self, service: str, document: Mapping[str, Any]) -> Answer:
        url = f"{self._url}/{service}" + (f"/{quote(self._code, safe='')}" if self._code else "")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        got = await post(url, msgspec.json.encode(document), headers)
        try:
            told = msgspec.json.decode(got.body)
            return Answer(int(told["Result"]), str(told["Message"]), got.status)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return Answer(0, "", got.status)


def utc(moment: datetime) -> str:
    """Write a time as .NET does that knows no zone: UTC, seven places and no mark."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0")


def main() -> int:
    parser = argparse.ArgumentParser(description="Call the one-stop as a land administration system does")
    parser.add_argument("--url", required=True, help="the hub's address with the desk's path")
    parser.add_argument("--code-file", type=Path, required=True, help="the security code")
    parser.add_argument("service")
    parser.add_argument("document", type=Path)
    told = parser.parse_args()
    code = told.code_file.read_text("utf-8").strip()
    document = msgspec.json.decode(told.document.read_bytes())
    answer = asyncio.run(Caller(told.url, code).say(told.service, document))
    sys.stdout.write(f"Result {answer.result} {answer.message}\n")
    return 0 if answer.result else 1


if __name__ == "__main__":
    raise SystemExit(main())
