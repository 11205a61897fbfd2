"""A time-stamping authority on a real socket: ``openssl ts`` behind HTTP, which misbehaves when it is told to.

    with tsa(pki, folder) as authority:
        authority.url; authority.policy; authority.asked

Its certificate is one of ``tests.doubles.pki``; a chain is sent in OpenSSL's own order, as real authorities do.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.pki import Pki

POLICY, OTHER_POLICY = "1.3.6.1.4.1.57264.2", "1.3.6.1.4.1.57264.3"

_CONFIG = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
signer_cert = {certificate}
certs = {chain}
signer_key = {key}
signer_digest = sha256
default_policy = {policy}
other_policies = {other}
digests = sha1, sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


@dataclass
class Tsa:
    """``mood``: ``down`` answers 503, ``babble`` something else, ``again`` its first reply for ever."""

    folder: Path
    url: str = ""
    policy: str = POLICY
    mood: str = ""
    asked: list[bytes] = field(default_factory=list)
    first: bytes = b""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, query: bytes) -> tuple[int, bytes]:
        with self.turn:
            self.asked.append(query)
            if self.mood == "down":
                return 503, b""
            if self.mood == "babble":
                return 200, b"<html>"
            if self.mood != "again" or not self.first:
                self.first = self.stamp(query)
            return 200, self.first

    def stamp(self, query: bytes) -> bytes:
        """Answer without a network."""
        asked, told = self.folder / "query", self.folder / "reply"
        asked.write_bytes(query)
        said = f"-config {self.folder}/tsa.cnf -section this -queryfile {asked} -out {told}".split()
        subprocess.run(["openssl", "ts", "-reply", *said], check=True, capture_output=True)
        return told.read_bytes()


def authority(pki: Pki, name: str = "tsa-issued", *, policy: str = POLICY) -> Tsa:
    """Build one that is asked by ``stamp`` alone."""
    folder = Path(mkdtemp(dir=pki.folder))
    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(pki[one].certificate_file.read_bytes() for one in ("issuing", "root")))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(
        _CONFIG.format(
            folder=folder,
            certificate=pki[name].certificate_file,
            key=pki[name].key_file,
            chain=chain,
            policy=policy,
            other=OTHER_POLICY,
        )
    )
    return Tsa(folder, policy=policy)


@contextmanager
def tsa(pki: Pki, name: str = "tsa-issued") -> Iterator[Tsa]:
    """Run one on a port of its own."""
    told = authority(pki, name)
    with answering(told.answer, "application/timestamp-reply") as told.url:
        yield told


class Answering(ThreadingHTTPServer):
    """Many ask at once; none of them keeps the test from ending."""

    daemon_threads = True
    request_queue_size = 64


@contextmanager
def answering(answer: object, media_type: str) -> Iterator[str]:
    """Serve ``answer(body) -> (status, body)`` to POST, ``answer(b"")`` to GET; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._told(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._told(b"")

        def _told(self, body: bytes) -> None:
            status, said = answer(body)  # type: ignore[operator]  # a function, as the docstring says
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Answering(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
