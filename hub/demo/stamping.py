"""A time-stamping authority for the demonstration: ``openssl ts`` behind HTTP, on this machine only.

    python -m hub.demo.stamping --port 8090 --folder var/demo/stamping

``prepare`` makes the folder; its certificate is good for nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from hub.demo.keys import make_seal

if TYPE_CHECKING:
    from hub.demo.keys import Authority

POLICY = "1.3.6.1.4.1.57264.9"
LONGEST = 4096
_CONFIG = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = {policy}
digests = sha256
ess_cert_id_alg = sha256
"""


def possible() -> bool:
    return shutil.which("openssl") is not None


def prepare(folder: Path, authority: Authority) -> None:
    make_seal(folder, "tsa", "Dấu thời gian (minh họa)", authority, small=True, stamps=True)
    (folder / "serial").write_text("01\n", "utf-8")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder, policy=POLICY), "utf-8")


def stamp(folder: Path, query: bytes) -> bytes:
    asked, told = folder / "query", folder / "reply"
    asked.write_bytes(query)
    command = ["openssl", "ts", "-reply", "-config", str(folder / "tsa.cnf"), "-section", "this"]
    subprocess.run([*command, "-queryfile", str(asked), "-out", str(told)], check=True, capture_output=True)  # noqa: S603 - our own files
    return told.read_bytes()


def serve(port: int, folder: Path) -> None:
    """One query after the other, for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            said = stamp(folder, self.rfile.read(min(size, LONGEST)))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    told = parser.parse_args()
    serve(told.port, told.folder)


if __name__ == "__main__":
    main()
