"""Signing software that we have no hand in, each in a process of its own that lives as long as the test run.

A peer is asked by named fields and answers ``good``, ``bad`` or ``done`` (``tests/foreign/java/Peer.java`` says how on the
wire). One process per peer, because a virtual machine takes longer to start than all its work takes here.
"""

from __future__ import annotations

import base64
import select
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lxml import etree

from signing.profiles import Digest, XmlAlgorithm
from signing.xml.names import DIGESTS, DSIG, METHODS, RSA_SHA1, SHA256
from tools import obtain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 30
FOLDER = Path(__file__).parent

Fields = dict[str, bytes]


@dataclass(frozen=True)
class Answer:
    """``good`` or ``bad`` with what it told, ``done`` with what it made."""

    word: str
    said: bytes

    @property
    def good(self) -> bool:
        return self.word == "good"


class Peer(Protocol):
    def ask(self, job: Fields) -> Answer: ...


class Spoken:
    """A peer that is spoken to over its standard input and output."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )

    def ask(self, job: Fields) -> Answer:
        fields = (f"{name}={base64.b64encode(value).decode()}" for name, value in job.items())
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write("\t".join(fields).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([back], [], [], SECONDS)[0], "the peer does not answer"
            piece = back.readline()
            assert piece, "the peer is gone"
            line += piece
        word, _, said = line.strip().partition(b"\t")
        return Answer(word.decode(), base64.b64decode(said))

    def close(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
        self._process.wait(SECONDS)
        self._process.stdout.close()  # type: ignore[union-attr]


class Xmlsec1:
    """The xmlsec1 command; a process for each job."""

    def ask(self, job: Fields) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            return _xmlsec1(Path(folder), job)


def _xmlsec1(folder: Path, job: Fields) -> Answer:
    verb, document = job["verb"].decode(), job["document"]
    if verb == "sign":
        document = blank(job["ours"])
        for new, old in SHA1.items() if "sha1" in job else ():
            document = document.replace(new, old)
    for name in ("key", "certificate"):
        (folder / name).write_bytes(job.get(name, b""))
    for name in job:
        if name.startswith("content:"):
            file = folder / name.removeprefix("content:")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(job[name])
    (folder / "document.xml").write_bytes(document)
    how = ["--privkey-pem", "key"] if verb == "sign" else ["--pubkey-cert-pem", "certificate"]
    done = subprocess.run(
        ["xmlsec1", f"--{verb}", *how, *_ids(document), "document.xml"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        return Answer("bad", done.stderr)
    return Answer("done", done.stdout) if verb == "sign" else Answer("good", done.stderr)


def _ids(document: bytes) -> Iterator[str]:
    """Tell xmlsec1, which reads no schema, which attributes are ids."""
    told = set()
    for element in etree.fromstring(document).iter("*"):
        for name in element.keys():  # noqa: SIM118 - an element iterates over its children
            local = etree.QName(str(name)).localname
            if local.lower() == "id":
                told.add((local, str(element.tag).replace("{", "").replace("}", ":")))
    for local, tag in sorted(told):
        yield from (f"--id-attr:{local}", tag)


SHA1 = {
    f'"{METHODS[XmlAlgorithm.RSA_SHA256]}"'.encode(): f'"{METHODS[RSA_SHA1]}"'.encode(),
    f'"{SHA256}"'.encode(): f'"{DIGESTS[Digest.SHA1]}"'.encode(),
}
"""What a signer that knows nothing newer writes instead."""


def blank(signed: bytes) -> bytes:
    """Take the values out of a signature, so that xmlsec1 puts in its own."""
    root = etree.fromstring(signed)
    for path in (f"{{{DSIG}}}Reference/{{{DSIG}}}DigestValue", f"{{{DSIG}}}SignatureValue"):
        for element in root.iterfind(f".//{path}"):
            element.text = None
    return etree.tostring(root, encoding="utf-8")


def _java() -> Spoken:
    path = ":".join(map(str, (obtain.java_peer(), *obtain.ARCHIVES)))
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
    return Spoken("java", *quick, "-cp", path, "Peer")


def _php() -> Spoken:
    return Spoken("php", str(FOLDER / "php" / "xmlseclibs.php"), str(obtain.xmlseclibs()))


def _node() -> Spoken:
    return Spoken("node", str(FOLDER / "node" / "peer.mjs"), str(obtain.node_modules()))


@dataclass
class Peers:
    """Starts each process when it is first asked for. ``java``, ``php`` and ``node`` each speak for one or more peers."""

    running: dict[str, Spoken] = field(default_factory=dict)

    def ask(self, who: str, verb: str, job: Fields) -> Answer:
        job = {"who": who.encode(), "verb": verb.encode(), **job}
        if who == "xmlsec1":
            return Xmlsec1().ask(job)
        home, start = HOMES[who]
        if home not in self.running:
            self.running[home] = start()
        return self.running[home].ask(job)

    def close(self) -> None:
        for process in self.running.values():
            process.close()


HOMES: dict[str, tuple[str, Callable[[], Spoken]]] = {
    "jdk": ("java", _java),
    "wss4j": ("java", _java),
    "xmlseclibs": ("php", _php),
    "xml-crypto": ("node", _node),
    "jose": ("node", _node),
}
