"""A simulated partner on a loopback port: HTTP/1.1 at byte level, because a misbehaving partner breaks it there.

``/__receipts`` makes it bring a receipt to the hub. ``/__control`` orders misbehaviour: ``POST`` an ``Order`` as JSON, ``GET`` what was processed and what is still ordered,
``DELETE`` all orders. It answers loopback callers only, and so does everything else here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from connectors.simulators import acknowledging
from connectors.simulators.desk import Call, Journal, say
from connectors.simulators.orders import KINDS, Order, Plan, perform, plain

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from connectors.simulators.desk import Desk, Said

HOST = "127.0.0.1"
CONTROL = "/__control"
LONGEST_HEAD, LONGEST_BODY = 2**16, 64 * 2**20
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on with no time: close() sends RST


class Server:
    """One partner on one port. ``calls``: how many came; ``held``: the callers' ports whose answer is being held back.

    With ``keep`` it holds all ``requests`` as they came and all answers as they left (``written``).
    """

    def __init__(self, desk: Desk, *, tls: ssl.SSLContext | None = None, keep: bool = False) -> None:
        self.desk, self._tls, self._keep = desk, tls, keep
        self.orders: list[Order] = []
        self.calls = 0
        self.held: set[int] = set()
        self.requests: list[bytes] = []
        self.written: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(
            self._connection,
            HOST,
            port,
            ssl=self._tls,
            limit=LONGEST_HEAD,
            ssl_handshake_timeout=5 if self._tls else None,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self.hang_up()
            await self._server.wait_closed()

    async def hang_up(self) -> None:
        """End every conversation; what was not heard to its end is not answered."""
        open_ = tuple(self._open)
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)

    def order(self, order: Order) -> None:
        if order.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(sorted(KINDS))}")
        self.orders.append(order)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                while await self._exchange(reader, writer):
                    pass
            with contextlib.suppress(OSError):
                writer.close()
                await writer.wait_closed()
        except asyncio.CancelledError:
            pass  # only ``stop`` cancels, and asyncio's streams report a cancelled handler as an error
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One call and its answer; false when the connection ends."""
        head = await reader.readuntil(b"\r\n\r\n")
        call, length = _read_head(head)
        if not 0 <= length <= LONGEST_BODY:
            return False
        call = msgspec.structs.replace(call, body=await reader.readexactly(length))
        if call.path == CONTROL:
            plan = plain(self._control(call))
        elif call.path == acknowledging.PATH:
            plan = plain(await self._acknowledge(call))
        else:
            plan = self._plan(call)
            self._note(head + call.body, plan)
        caller = writer.get_extra_info("peername")[1]
        if plan.wait:
            self.held.add(caller)
        try:
            keep = await _write(plan, writer)
        finally:
            self.held.discard(caller)
        return keep and call.headers.get("connection", "").lower() != "close"

    def _note(self, request: bytes, plan: Plan) -> None:
        self.calls += 1
        if self._keep:
            self.requests.append(request)
            self.written += plan.pieces if len(plan.pieces) == 1 else ()

    def _plan(self, call: Call) -> Plan:
        name = self.desk.name(call)
        order = self._take(name)
        if order is None:
            return plain(self.desk.answer(call))
        if order.kind == "expire":
            self.desk.expire()
        processed = order.after or order.kind == "expire"
        return perform(order, call, self.desk.answer(call) if processed else self.desk.refusal(call))

    def _take(self, name: str) -> Order | None:
        for number, order in enumerate(self.orders):
            if order.operation in {"", name}:
                if order.times > 1:
                    self.orders[number] = msgspec.structs.replace(order, times=order.times - 1)
                else:
                    del self.orders[number]
                return order
        return None

    async def _acknowledge(self, call: Call) -> Said:
        try:
            wish = msgspec.json.decode(call.body, type=acknowledging.Wish)
            body = acknowledging.receipt(wish, self.desk.journal.entries, _now())
        except (msgspec.MsgspecError, LookupError) as error:
            return say({"error": str(error)}, 400)
        status, answer = await acknowledging.bring(wish, body)
        return say({"status": status, "answer": answer.decode("utf-8", "replace"), "receipt": body.decode()})

    def _control(self, call: Call) -> Said:
        if call.method == "POST":
            try:
                self.order(msgspec.json.decode(call.body, type=Order))
            except (msgspec.MsgspecError, ValueError) as error:
                return say({"error": str(error)}, 400)
        elif call.method == "DELETE":
            self.orders.clear()
        return say(
            {
                "processed": len(self.desk.journal.entries),
                "orders": self.orders,
                "calls": self.calls,
                "held": sorted(self.held),
            }
        )


def _read_head(head: bytes) -> tuple[Call, int]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    path, _, query = target.partition("?")
    length = int(headers.get("content-length", "0"))
    return Call(method=method, path=path, query=query, headers=headers, body=b""), length


async def _write(plan: Plan, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(plan.wait)
    for piece in plan.pieces:
        writer.write(piece)
        await writer.drain()
        if plan.pause:
            await asyncio.sleep(plan.pause)
    if plan.end == "reset":
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
    return plan.end == "keep"


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True, help="JSON lines, one per processed request")
    parser.add_argument(
        "--secret-file", type=Path, help="what callers must prove they know; none: anyone may call"
    )
    return parser


def secret_of(arguments: argparse.Namespace) -> str:
    return arguments.secret_file.read_text("utf-8").strip() if arguments.secret_file else ""


def serve(
    port: int, journal: Path, open_desk: Callable[[Journal], Desk], tls: ssl.SSLContext | None = None
) -> None:
    """Run until SIGTERM or SIGINT."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_until_told(port, open_desk(Journal(journal, _now)), tls))


async def _until_told(port: int, desk: Desk, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(desk, tls=tls)
    await server.start(port)
    await stop.wait()
    await server.stop()


def _now() -> datetime:
    return datetime.now(UTC)
