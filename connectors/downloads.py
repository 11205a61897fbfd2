"""Downloads from a sender's own servers: streamed, bounded by whoever reads, never recorded, unpacked or tried again here."""

from __future__ import annotations

import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from connectors.http1 import Break
from connectors.reach import USER_AGENT, tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connectors.reach import Reach

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}


class Cut(Exception):  # noqa: N818 - says what it is
    """A download broke off; what had arrived is whole as far as it goes. ``str``: what broke, by class."""


class Pulled(NamedTuple):
    """A download: its status, where it begins, how long the whole content is (``None``: not told), and its bytes."""

    status: int
    begins: int
    size: int | None
    pieces: AsyncIterator[bytes]


class Downloads:
    """Opens downloads from one host; built once per process and used on one event loop."""

    def __init__(self, reach: Reach) -> None:
        """Read the certificate files now. Raises ``Refusal`` HUB-CFG-001 or HUB-CRT-003 when they are wrong."""
        self._reach, self._tls = reach, tls(reach)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def pull(self, path: str, start: int = 0) -> AsyncIterator[Pulled]:
        """Open a download that goes on at ``start`` (RFC 9110 §14.2). Raises ``Cut``, also while its pieces are read.

        A redirect is an answer like any other.
        """
        headers = {**_HEADERS, "Range": f"bytes={start}-"} if start else _HEADERS
        url = URL(self._reach.base_url + path, encoded=True)
        try:
            async with self._open().get(url, headers=headers, allow_redirects=False) as response:
                yield _pulled(response)
        except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, EOFError) as error:
            raise Cut(_class(error)) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                raise_for_status=False,
                timeout=aiohttp.ClientTimeout(
                    total=self._reach.total_timeout,
                    sock_connect=self._reach.connect_timeout,
                    sock_read=self._reach.read_timeout,
                ),
            )
        return self._session


def _class(error: BaseException) -> Break:
    match error:
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Break.TLS
        case TimeoutError():
            return Break.TIMEOUT
        case aiohttp.ClientConnectorError():
            return Break.CONNECT
        case aiohttp.ClientPayloadError():
            return Break.TRUNCATED
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return Break.GARBLED
        case _:
            return Break.RESET


def _pulled(response: aiohttp.ClientResponse) -> Pulled:
    begins, size = 0, response.content_length
    if found := _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "")):
        begins, size = int(found[1]), int(found[2]) if found[2] != "*" else None
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        size = None  # its length is not that of the content
    return Pulled(response.status, begins, size, response.content.iter_any())
