"""The TCP proxy of the fault tests breaks exactly what it was told to break."""

from __future__ import annotations

import errno
import socket
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.doubles.proxy import HOST, Fault, Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = b"x" * 1000


class _Echo(socketserver.StreamRequestHandler):
    """Says back what it heard, byte for byte, until the caller says no more; then ``end``."""

    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        heard = b""
        while piece := self.request.recv(4096):
            heard += piece
            self.server.heard.append(piece)
            self.request.sendall(piece)
        self.request.sendall(b"end")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Echo)
        self.heard: list[bytes] = []


@pytest.fixture
def echo() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def line(echo: _Server) -> Iterator[Proxy]:
    address = echo.server_address
    assert isinstance(address, tuple)
    with proxy((HOST, int(address[1])), seed=7) as opened:
        yield opened


def talk(line: Proxy, said: bytes = HELLO, *, close: bool = True) -> bytes:
    """Say it, say no more, and return all that came back. Raises ``ConnectionResetError``."""
    heard = b""
    with _reset_at_any_moment(), socket.create_connection((HOST, line.port), timeout=5) as one:
        one.sendall(said)
        if close:
            one.shutdown(socket.SHUT_WR)
        while piece := one.recv(4096):
            heard += piece
    return heard


@contextmanager
def _reset_at_any_moment() -> Iterator[None]:
    """A reset that came before we had said all has other names: a broken pipe, not connected."""
    try:
        yield
    except OSError as gone:
        if gone.errno not in {errno.EPIPE, errno.ENOTCONN}:
            raise
        raise ConnectionResetError(*gone.args) from gone


def test_without_a_fault_it_carries_everything_and_closes_as_they_do(line: Proxy) -> None:
    assert talk(line) == HELLO + b"end"
    assert line.carried == [1000, 1003]


def test_it_cuts_after_so_many_bytes_in_either_direction(line: Proxy, echo: _Server) -> None:
    line.fault(Fault(cut_down=100), Fault(cut_up=30))
    assert talk(line) == HELLO[:100]
    echo.heard.clear()
    talk(line, close=False)
    while len(b"".join(echo.heard)) < 30:  # what was carried is on its way
        time.sleep(0.01)
    assert b"".join(echo.heard) == HELLO[:30]
    assert talk(line) == HELLO + b"end"  # each was for one connection


def test_a_half_close_ends_one_direction_only(line: Proxy) -> None:
    line.fault(Fault(cut_up=10, half_close=True))
    assert talk(line) == HELLO[:10] + b"end"


def test_it_resets(line: Proxy) -> None:
    line.fault(Fault(refuse=True), Fault(cut_down=50, reset=True))
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            talk(line)


def test_a_blackhole_takes_everything_and_says_nothing(line: Proxy, echo: _Server) -> None:
    line.fault(Fault(blackhole=True))
    assert talk(line) == b""
    assert echo.heard == []


def test_it_delays_and_slows(line: Proxy) -> None:
    line.fault(Fault(delay=0.1), Fault(bandwidth=10_000.0))
    for least in (0.2, 0.15):
        began = time.monotonic()
        assert talk(line) == HELLO + b"end"
        assert time.monotonic() - began > least


def test_it_says_everything_twice(line: Proxy, echo: _Server) -> None:
    line.fault(Fault(again=True))
    assert talk(line) == HELLO + b"end"
    assert b"".join(echo.heard) == HELLO * 2


def test_what_is_open_is_cut_and_what_comes_later_meets_what_was_ordered_for_all(line: Proxy) -> None:
    with socket.create_connection((HOST, line.port), timeout=5) as one:
        one.sendall(b"a")
        assert one.recv(1) == b"a"
        line.cut()
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    line.faults(Fault(cut_down=1))
    assert [talk(line), talk(line)] == [b"x", b"x"]
    line.faults()
    assert talk(line) == HELLO + b"end"


@pytest.mark.parametrize("hang_up", [True, False])
def test_nothing_arrives_any_more_after_it_hung_up(line: Proxy, echo: _Server, hang_up: bool) -> None:
    """A caller that died leaves its call behind on a slow line: it would reach whoever is there next."""
    line.fault(Fault(delay=0.3))
    with socket.create_connection((HOST, line.port), timeout=5) as one:
        one.sendall(HELLO)
        time.sleep(0.1)
    if hang_up:
        line.hang_up()
    time.sleep(0.5)
    assert bool(echo.heard) is not hang_up
    assert talk(line) == HELLO + b"end"


def test_a_partner_that_is_gone_resets(line: Proxy) -> None:
    with proxy((HOST, 1)) as nowhere, pytest.raises(ConnectionResetError):
        talk(nowhere)
    assert line.connections == 0
