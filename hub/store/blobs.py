"""Large content as files: encrypted in pieces, so that it is written, resumed and read in ranges with flat memory.

A file has a name of its own that is never used twice and a key of its own; the row that names the file holds that key,
wrapped by its owner's data key. So a file can change its owner without being written again, and is unreadable once
nobody holds its key. A file is nothing until a row says that it is whole, and it is on disk, its folder entry too, before
that row is: a committed row always finds its file, and a crash in between leaves a file that the sweep removes.

Format: ``MAGIC``, then pieces of ``PIECE`` bytes of content, the last one shorter (empty for empty content). A piece is
``prefix(7) ‖ AES-256-GCM(nonce, content)`` with ``nonce = prefix ‖ number(4) ‖ last(1)``: the STREAM construction
(Hoang, Reyhanitabar, Rogaway, Vizár 2015). Its reader makes number and last flag itself, so a piece that was cut off,
moved or taken from another file is noticed, and a range is read without the rest. The prefix is drawn anew whenever
writing begins again: a piece that is written a second time never meets its old nonce.
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import os
import shutil
import struct
from pathlib import Path  # noqa: TC003 - part of a public signature
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

PIECE = 64 * 1024
MAGIC = b"LThg\x01\x00\x00\x00"
PREFIX_BYTES, TAG_BYTES, KEY_BYTES = 7, 16, 32
SEALED_PIECE = PREFIX_BYTES + PIECE + TAG_BYTES
AT_ONCE = 16
"""Pieces per read or write: 1 MB, so that neither system calls nor threads are what a transfer costs."""
NAME_BYTES = 16
_PART = ".part"


class Damaged(Exception):  # noqa: N818 - says what it is
    """The file is not there, was cut, changed or moved, or this is not its key."""


class Busy(Exception):  # noqa: N818 - says what it is
    """Another writer has this draft open."""


class Ref(NamedTuple):
    """Everything that reading takes. ``size``: of the content. Never logged: it holds the key."""

    name: str
    key: bytes
    size: int


class Blobs:
    """A folder of files. ``randomness``: that many random bytes (``os.urandom``)."""

    def __init__(self, folder: Path, randomness: Callable[[int], bytes]) -> None:
        self.folder = folder
        self._randomness = randomness

    def new(self) -> tuple[str, bytes]:
        """Return a name and a key that nothing has yet."""
        return self._randomness(NAME_BYTES).hex(), self._randomness(KEY_BYTES)

    def lock(self, name: str) -> int:
        """Open a file to write to it alone, and change nothing of it. Raises ``Busy``. The handle is for ``draft``, or to be closed.

        One that has a second name (a store that was moved aside has it, too) becomes a file of its own first: what is
        written here must not change what lies there.
        """
        path = self._path(name)
        fresh = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = _alone(path)
        while os.fstat(handle).st_nlink > 1:
            try:
                _part_with_the_other(path)
            finally:
                os.close(handle)
            handle = _alone(path)
        if fresh:
            for folder in (path.parent, self.folder, self.folder.parent):
                _sync(folder)
        return handle

    def draft(
        self, name: str, key: bytes, size: int = 0, tail: bytes = b"", *, handle: int | None = None
    ) -> Draft:
        """Go on in a file at ``size`` bytes, of which ``tail`` (what fills no piece yet) is not in the file.

        What a crash left behind there is cut off: where others may write too, ``size`` must have been read under the
        lock (``handle``, taken over). Raises ``Busy``; ``Damaged`` when the file has less than that.
        """
        held = self.lock(name) if handle is None else handle
        return Draft(held, key, self._randomness(PREFIX_BYTES), size, tail)

    def put(self, data: bytes) -> Ref:
        """Write a whole content. Raises ``OSError`` and leaves nothing."""
        name, key = self.new()
        try:
            with self.draft(name, key) as draft:
                draft.write(data)
                draft.finish()
        except OSError:
            self.discard(name)
            raise
        return Ref(name, key, len(data))

    def get(self, ref: Ref) -> bytes:
        """Return a whole content. Raises ``Damaged``."""
        return b"".join(self.read(ref))

    def read(self, ref: Ref, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``stop``, about a megabyte at a time. Raises ``Damaged``."""
        return _read(self._path(ref.name), ref, start, ref.size if stop is None else min(stop, ref.size))

    def read_draft(self, ref: Ref) -> Iterator[bytes]:
        """Yield what the file holds of an unfinished content: all of ``size`` bytes but the tail. Raises ``Damaged``."""
        return _read(self._path(ref.name), ref, 0, _full(ref.size) * PIECE, whole=False)

    def discard(self, name: str) -> None:
        """Remove a file; it need not be there."""
        self._path(name).unlink(missing_ok=True)

    def names(self, before: float) -> Iterator[str]:
        """Name every file that was last changed before this moment (seconds since 1970)."""
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    yield path.name

    # --- for those who look after the folder: files as they lie there

    def files(self) -> Iterator[tuple[str, int]]:
        """Name every file and its bytes, in the order of the names, a sub-folder at a time."""
        for folder in sorted(self.folder.glob("??")):
            for path in sorted(folder.iterdir()):
                if not path.name.endswith(_PART):
                    with contextlib.suppress(FileNotFoundError):
                        yield path.name, path.stat().st_size

    def open(self, name: str) -> BinaryIO:
        return self._path(name).open("rb")

    def take(self, name: str, source: BinaryIO) -> bool:
        """Write a file as it comes; whole and on disk, or not there at all.

        False: one of this name is here with another content. It stays as it is, and the new one waits beside it for
        ``settle``; one that has grown since then stays for good, for it begins with all of the other.
        """
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f"{name}{_PART}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(source, file, AT_ONCE * PIECE)
            file.flush()
            os.fsync(handle)
        if not path.exists():
            self.settle(name)
            return True
        keep = path.stat().st_size > part.stat().st_size or filecmp.cmp(part, path, shallow=False)
        if keep:
            part.unlink()
        return keep

    def settle(self, name: str) -> None:
        """Let what was taken stand under its name."""
        path = self._path(name)
        path.with_name(f"{name}{_PART}").replace(path)
        for folder in (path.parent, self.folder, self.folder.parent):
            _sync(folder)

    def link_to(self, other: Blobs) -> None:
        """Give every file a second name in the other folder, on the same disk."""
        for name, _ in self.files():
            target = other._path(name)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not target.exists():
                target.hardlink_to(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


class Draft:
    """A file while it is being written. One writer at a time: the file is locked, and a dead writer's lock is gone.

    ``size``: bytes of content so far; ``tail``: those that fill no piece yet and so are not in the file.
    """

    def __init__(self, handle: int, key: bytes, prefix: bytes, size: int, tail: bytes) -> None:
        self._cipher, self._prefix = AESGCM(key), prefix
        self._number = (size - len(tail)) // PIECE
        self._tail = bytearray(tail)
        self._out = memoryview(bytearray(AT_ONCE * SEALED_PIECE))
        self._file = handle
        try:
            self._begin()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; what was not synced may or may not be there."""
        os.close(self._file)

    @property
    def size(self) -> int:
        return self._number * PIECE + len(self._tail)

    @property
    def tail(self) -> bytes:
        return bytes(self._tail)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take content; every full piece goes into the file. One piece is kept back: it might be the last."""
        view = memoryview(data)
        room = PIECE - len(self._tail)
        self._tail += view[:room]
        view = view[room:]
        while view:
            count = min(-(-len(view) // PIECE), AT_ONCE)
            self._append([self._tail, *(view[at * PIECE : (at + 1) * PIECE] for at in range(count - 1))])
            view = view[(count - 1) * PIECE :]
            self._tail = bytearray(view[:PIECE])
            view = view[PIECE:]

    def sync(self) -> None:
        """Everything but ``tail`` is on disk afterwards."""
        os.fdatasync(self._file)

    def finish(self) -> None:
        """Write the last piece and wait for the disk."""
        self._append([self._tail], last=True)
        os.fsync(self._file)

    def cut(self, size: int) -> None:
        """Give back what lies behind ``size`` bytes of content; nothing more is written here."""
        os.ftruncate(self._file, len(MAGIC) + _full(size) * SEALED_PIECE)

    def _begin(self) -> None:
        end = len(MAGIC) + self._number * SEALED_PIECE
        if not self._number:
            os.pwrite(self._file, MAGIC, 0)
        elif os.fstat(self._file).st_size < end:
            raise Damaged("the draft is shorter than what was acknowledged")
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)

    def _append(self, pieces: Sequence[bytearray | memoryview], *, last: bool = False) -> None:
        """Seal pieces, all but the last one of a file full, and write them with one call."""
        end = 0
        for piece in pieces:
            start, end = end, end + PREFIX_BYTES + len(piece) + TAG_BYTES
            self._out[start : start + PREFIX_BYTES] = self._prefix
            nonce = _nonce(self._prefix, self._number, last=last)
            self._cipher.encrypt_into(nonce, piece, None, self._out[start + PREFIX_BYTES : end])
            self._number += 1
        view = self._out[:end]
        while view:
            view = view[os.write(self._file, view) :]


def _read(path: Path, ref: Ref, start: int, stop: int, *, whole: bool = True) -> Iterator[bytes]:
    """``whole``: the file is finished, so its last piece carries the flag, and an empty content is a piece too."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise Damaged(type(error).__name__) from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if (whole and size != _length(ref.size)) or file.read(len(MAGIC)) != MAGIC:
            raise Damaged("the file has another length or another format")
        cipher, last = AESGCM(ref.key), _pieces(ref.size) - 1 if whole else -1
        number = start // PIECE
        file.seek(len(MAGIC) + number * SEALED_PIECE)
        while number * PIECE < stop or (whole and not ref.size and not number):
            count = min(AT_ONCE, -(-stop // PIECE) - number) or 1
            raw = memoryview(file.read(count * SEALED_PIECE) or b"")
            pieces = [
                _opened(cipher, raw[at * SEALED_PIECE : (at + 1) * SEALED_PIECE], number + at, last)
                for at in range(count)
            ]
            content = pieces[0] if count == 1 else b"".join(pieces)
            begin = max(start - number * PIECE, 0)
            yield (
                content[begin : stop - number * PIECE]
                if begin or len(content) > stop - number * PIECE
                else content
            )
            number += count


def _opened(cipher: AESGCM, raw: memoryview, number: int, last: int) -> bytes:
    try:
        nonce = _nonce(bytes(raw[:PREFIX_BYTES]), number, last=number == last)
        return cipher.decrypt(nonce, raw[PREFIX_BYTES:], None)
    except (InvalidTag, ValueError):
        raise Damaged(f"piece {number} was cut, changed or moved") from None


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)


def _pieces(size: int) -> int:
    return max(1, -(-size // PIECE))


def _full(size: int) -> int:
    """Pieces that an unfinished file has for sure: one is always kept back."""
    return (size - 1) // PIECE if size else 0


def _length(size: int) -> int:
    return len(MAGIC) + size + _pieces(size) * (PREFIX_BYTES + TAG_BYTES)


def _alone(path: Path) -> int:
    """Open the file of this name and lock it. Raises ``Busy``; another file may have got the name while it was opened."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            """It was swept: made again."""
        except OSError as error:
            os.close(handle)
            raise Busy if isinstance(error, BlockingIOError) else error from None
        os.close(handle)


def _part_with_the_other(path: Path) -> None:
    """Give the name to a copy, which is on disk before it has it. Whoever has the file locked calls this."""
    part = path.with_name(f"{path.name}{_PART}")
    shutil.copyfile(path, part)
    part.chmod(0o600)
    for each in (part, path.parent):
        _sync(each)
    part.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
