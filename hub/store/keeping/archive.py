"""The archive: one file that any engine's store can be written to and built from.

A gzip-compressed tar, written and read as a stream, so that memory does not grow with it:

    about.json                         format, schema version, the hub's id, the moment of the snapshot
    table/<table>/columns.json         the columns, in the order of every row
    table/<table>/<number>.msgpack     rows: a MessagePack array of arrays; as many parts as it takes
    blob/<name>                        files of large content, encrypted as they lie in the hub's folder
    manifest.json                      rows and SHA-256 of every table, number and bytes of the blobs

The manifest comes last: a file without it was never finished. A table's digest is taken over its rows' MessagePack
forms, whatever parts they were cut into and whichever engine they come from. The master key is never inside.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import tarfile
import zlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

FORMAT = 1
SUFFIX = ".lienthong"
PART_BYTES = 1 << 20
"""Rows are gathered up to here before they are written: what a table costs in memory."""
LARGEST_PART = 64 << 20
_CELLS = {int, float, str, bytes, type(None)}
_ARRAY = b"\xdd"  # MessagePack: array, its length in the 4 bytes that follow
_ABOUT, _MANIFEST = "about.json", "manifest.json"
_COLUMNS = re.compile(r"table/([a-z_]{1,63})/columns\.json")
_ROWS = re.compile(r"table/([a-z_]{1,63})/(\d{6,12})\.msgpack")
_BLOB = re.compile(r"blob/([0-9a-f]{32,64})")

Row = tuple[Any, ...]


class Damaged(Exception):  # noqa: N818 - says what it is
    """The file is not an archive, is not whole, or is not what its manifest says. Nothing of it may be used."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """``schema``: number of the last migration of the store it was made from. ``made_at``: the moment of its snapshot."""

    format: int
    schema: int
    hub: str
    made_at: datetime


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``blobs_sha256``: over names and SHA-256 of the files in their order, which is that of the names."""

    about: About
    tables: dict[str, Counted]
    blobs: int
    blob_bytes: int
    blobs_sha256: str


class Columns(NamedTuple):
    """A table begins."""

    table: str
    names: tuple[str, ...]


class Rows(NamedTuple):
    """Some more of its rows."""

    table: str
    rows: list[list[Any]]


class Blob(NamedTuple):
    """Read ``source`` to its end before going on."""

    name: str
    size: int
    source: BinaryIO


Part = About | Columns | Rows | Blob | Manifest


class Digest:
    """Rows of one table, counted and hashed: the same on every engine."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add(self, row: Iterable[Any]) -> bytes:
        """Return the row's MessagePack form."""
        packed = msgspec.msgpack.encode(list(row))
        self._hash.update(packed)
        self.rows += 1
        return packed

    def counted(self) -> Counted:
        return Counted(rows=self.rows, sha256=self._hash.hexdigest())


class _Hashed(io.RawIOBase):
    """Writes through and hashes, so that the finished file need not be read again."""

    def __init__(self, below: BinaryIO) -> None:
        self._below = below
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer, as io has it
        self.sha256.update(data)
        self.size += len(data)
        return self._below.write(data)


class Written(NamedTuple):
    """The finished file."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest


class Writer:
    """Takes tables and blobs in turn. Nothing is written twice, nothing is kept."""

    def __init__(self, tar: tarfile.TarFile, about: About) -> None:
        self._tar, self._about = tar, about
        self._tables: dict[str, Counted] = {}
        self._blobs, self._blob_bytes, self._blob_hash = 0, 0, hashlib.sha256()
        self._add(_ABOUT, msgspec.json.encode(about))

    def table(self, name: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
        self._add(f"table/{name}/columns.json", msgspec.json.encode(list(columns)))
        digest, parts = Digest(), 0
        held: list[bytes] = []
        size = 0
        for row in rows:
            packed = digest.add(row)
            held.append(packed)
            size += len(packed)
            if size >= PART_BYTES:
                parts += 1
                self._rows(name, parts, held)
                held, size = [], 0
        if held:
            self._rows(name, parts + 1, held)
        self._tables[name] = digest.counted()

    def _rows(self, table: str, number: int, packed: list[bytes]) -> None:
        body = _ARRAY + len(packed).to_bytes(4, "big") + b"".join(packed)
        self._add(f"table/{table}/{number:06}.msgpack", body)

    def blob(self, name: str, size: int, source: BinaryIO) -> None:
        """Files come in the order of their names. One that is being cut just now is filled up: no row needs what is gone."""
        member = tarfile.TarInfo(f"blob/{name}")
        member.size = size
        checked = _Checked(source, fill=size)
        self._tar.addfile(member, checked)
        self._blobs += 1
        self._blob_bytes += size
        self._blob_hash.update(name.encode() + checked.sha256.digest())

    def finish(self) -> Manifest:
        manifest = Manifest(
            about=self._about,
            tables=self._tables,
            blobs=self._blobs,
            blob_bytes=self._blob_bytes,
            blobs_sha256=self._blob_hash.hexdigest(),
        )
        self._add(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        return manifest

    def _add(self, name: str, body: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(body)
        self._tar.addfile(member, io.BytesIO(body))


class Draft:
    """A file under its temporary name until it is whole and on disk; ``keep`` gives it its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")

    @contextlib.contextmanager
    def writing(self, about: About) -> Iterator[Writer]:
        """Write the archive; on any error nothing is left behind. ``written`` says afterwards what it became."""
        try:
            with open(self._draft, "wb", opener=_private) as file:
                hashed = _Hashed(file)
                with (
                    gzip.GzipFile(filename="", fileobj=hashed, mode="wb", compresslevel=1, mtime=0) as packed,
                    tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
                ):
                    writer = Writer(tar, about)
                    yield writer
                    manifest = writer.finish()
                file.flush()
                os.fsync(file.fileno())
            os.link(self._draft, self._path)  # never over an archive that is there
        finally:
            self._draft.unlink(missing_ok=True)
        sync(self._path.parent)
        self.written = Written(self._path, hashed.size, hashed.sha256.hexdigest(), manifest)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def sync(folder: Path) -> None:
    """Put the folder's entries on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading --------------------------------------------------------------------------------------------------------


def read(path: Path, watch: Callable[[int], None] = lambda _: None) -> Generator[Part, None, None]:
    """Yield the parts in order, the manifest last and only when everything before it agrees with it. Raises ``Damaged``.

    ``watch`` hears how many bytes it has been unpacked to, again and again; what it raises ends the reading.
    """
    try:
        with path.open("rb") as file, _Watched(file, watch) as packed:
            yield from _parts(packed)
            while packed.read(1 << 20):  # to the end: the checksum of the whole stands there
                pass
    except (EOFError, zlib.error, tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Damaged(f"not a whole archive: {type(error).__name__}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Damaged(f"what stands in it cannot be read: {type(error).__name__}") from error


class _Watched(gzip.GzipFile):
    """Tells how much was unpacked, a piece at a time."""

    def __init__(self, file: BinaryIO, watch: Callable[[int], None]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._watch, self._unpacked = watch, 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._unpacked += len(data)
        self._watch(self._unpacked)
        return data


class _Plain(tarfile.TarInfo):
    """Files and nothing else: no links, no sparse ones, none of the headers whose size decides what reading them costs."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
            raise Damaged(f"{member.name!r} does not belong there")
        return member


def _parts(packed: gzip.GzipFile) -> Iterator[Part]:
    reader = _Reader()
    with tarfile.open(fileobj=packed, mode="r|", tarinfo=_Plain) as tar:
        for member in tar:
            source = tar.extractfile(member)
            yield from reader.part(member.name, member.size, source)
    if not reader.finished:
        raise Damaged("it ends before its manifest: it was never finished")


class _Reader:
    """Checks each part against what came before; the manifest against everything."""

    def __init__(self) -> None:
        self.finished = False
        self._about: About | None = None
        self._digests: dict[str, Digest] = {}
        self._table, self._columns_now = "", tuple[str, ...]()
        self._blobs, self._blob_bytes, self._blob_hash = 0, 0, hashlib.sha256()
        self._last_blob = ""

    def part(self, name: str, size: int, source: Any) -> Iterator[Part]:  # noqa: ANN401 - a tar member's file
        if self.finished:
            raise Damaged(f"{name!r} stands behind the manifest")
        if self._about is None and name != _ABOUT:
            raise Damaged("it does not say what it is")
        if (blob := _BLOB.fullmatch(name)) is not None:
            yield from self._one_blob(blob[1], size, source)
            return
        if size > LARGEST_PART:
            raise Damaged(f"{name!r} is larger than any part may be")
        body = source.read()
        if name == _ABOUT and self._about is None:
            self._about = msgspec.json.decode(body, type=About)
            if self._about.format != FORMAT:
                raise Damaged(f"format {self._about.format}; this version reads {FORMAT}")
            yield self._about
        elif (columns := _COLUMNS.fullmatch(name)) is not None:
            yield self._columns(columns[1], body)
        elif (rows := _ROWS.fullmatch(name)) is not None:
            yield self._rows(rows[1], body)
        elif name == _MANIFEST:
            yield self._manifest(body)
        else:
            raise Damaged(f"{name!r} does not belong there")

    def _columns(self, table: str, body: bytes) -> Columns:
        if table in self._digests:
            raise Damaged(f"table {table} begins twice")
        self._table, self._digests[table] = table, Digest()
        self._columns_now = msgspec.json.decode(body, type=tuple[str, ...])
        if not self._columns_now or len(set(self._columns_now)) < len(self._columns_now):
            raise Damaged(f"table {table} has no columns, or one twice")
        return Columns(table, self._columns_now)

    def _rows(self, table: str, body: bytes) -> Rows:
        if table != self._table:
            raise Damaged(f"rows of {table} stand elsewhere")
        rows = msgspec.msgpack.decode(body, type=list[list[Any]])
        digest = self._digests[table]
        for row in rows:
            digest.add(row)
            if len(row) != len(self._columns_now) or not {type(cell) for cell in row} <= _CELLS:
                raise Damaged(f"rows of {table} have other columns than they say, or hold what no column can")
        return Rows(table, rows)

    def _one_blob(self, name: str, size: int, source: BinaryIO) -> Iterator[Blob]:
        if name <= self._last_blob:
            raise Damaged("blobs are out of order")
        checked = _Checked(source, fill=0)
        yield Blob(name, size, checked)  # type: ignore[arg-type]  # reads like one
        while checked.read(PART_BYTES):
            pass
        self._last_blob = name
        self._blobs += 1
        self._blob_bytes += size
        self._blob_hash.update(name.encode() + checked.sha256.digest())

    def _manifest(self, body: bytes) -> Manifest:
        manifest = msgspec.json.decode(body, type=Manifest)
        found = {name: digest.counted() for name, digest in self._digests.items()}
        if manifest.tables != found or manifest.about != self._about:
            wrong = sorted(
                name for name in {*found, *manifest.tables} if found.get(name) != manifest.tables.get(name)
            )
            raise Damaged(f"not what its manifest says: {', '.join(wrong) or 'about'}")
        blobs = (manifest.blobs, manifest.blob_bytes, manifest.blobs_sha256)
        if blobs != (self._blobs, self._blob_bytes, self._blob_hash.hexdigest()):
            raise Damaged("not what its manifest says: blobs")
        self.finished = True
        return manifest


class _Checked(io.RawIOBase):
    """Hashes what is read through it. ``fill``: bytes that it must come to; zeros take the place of what is missing."""

    def __init__(self, source: BinaryIO, *, fill: int) -> None:
        self._source, self._left = source, fill
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer, as io has it
        try:
            data = self._source.read(len(buffer)) or bytes(min(len(buffer), max(0, self._left)))
        except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile) as error:
            raise Damaged(f"not a whole archive: {type(error).__name__}") from error
        self._left -= len(data)
        buffer[: len(data)] = data
        self.sha256.update(data)
        return len(data)
