"""Opens a zip from outside without trusting it. Nothing is ever written to disk.

Everything that can be told from the central directory is checked before one byte is unpacked: number and sizes of entries,
ratio, overlap, names, links, encryption, packing. Reading is bounded by the sizes declared there, since Python's zipfile
never gives more than those; the sums therefore hold for lying zips as well.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, BinaryIO, Self, cast

from auditor.depot.limits import ArchiveLimits
from auditor.errors import InputError

BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
)
"""What zipfile raises on ugly input."""

_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flag bits: encrypted, strong encryption, masked directory
_UNIX = 3
_LOCAL_HEADER = 30  # bytes of a local header before the name
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|!--)", re.IGNORECASE)
_HINT = "get the file from its vendor again and compare the checksum published there"


class _DirectoryTooLargeError(Exception):
    """The central directory is larger than the limit."""


class _Guarded(io.BufferedIOBase):
    """A file that refuses a large read. zipfile takes the central directory in one, so this bounds its size."""

    def __init__(self, file: BinaryIO, size: int, limit: int) -> None:
        self._file = file
        self._size = size
        self._limit = limit

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(self._size - self._file.tell(), 0)
        wanted = rest if size is None or size < 0 else min(size, rest)
        if wanted > self._limit:
            raise _DirectoryTooLargeError
        return self._file.read(wanted)


class Archive:
    """A zip whose directory passed every check. ``where`` names it in errors. Use as a context manager.

    Raises ``InputError`` naming the file, and the entry where it is one's fault.
    """

    def __init__(self, file: BinaryIO, where: str, limits: ArchiveLimits) -> None:
        self.where = where
        self._file = file
        self._limits = limits
        self.size = file.seek(0, io.SEEK_END)
        if self.size > limits.size:
            raise InputError(f"has {self.size:,} bytes, at most {limits.size:,} are read", where=where)
        self._zip = self._open()
        self._entries = self._checked()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files in it, in the order of the directory; folders are left out."""
        return tuple(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def size_of(self, name: str) -> int:
        """The unpacked size of file ``name`` in bytes."""
        return self._entries[name].file_size

    @property
    def expanded(self) -> int:
        """The unpacked size of all files together in bytes."""
        return sum(info.file_size for info in self._entries.values())

    def place(self, name: str) -> str:
        """How file ``name`` is called in errors."""
        return f"{self.where}: {name}"

    def read(self, name: str, limit: int) -> bytes:
        """The whole of file ``name``; refused when it has more than ``limit`` bytes."""
        size = self.size_of(name)
        if size > limit:
            raise InputError(f"has {size:,} bytes unpacked, at most {limit:,} are read", where=self.place(name))
        with self.stream(name) as stream:
            data = bytearray()
            while chunk := stream(64 * 1024):
                data += chunk
        return bytes(data)

    @contextmanager
    def stream(self, name: str) -> Iterator[Callable[[int], bytes]]:
        """A function giving the next bytes of file ``name``, at most as many as asked for, and none at its end. It raises
        ``InputError`` where the file is damaged or shorter than the directory says."""
        info = self._entries[name]
        left = info.file_size
        try:
            file = self._zip.open(info)
        except BROKEN as error:
            raise self._damaged(name, error) from error

        def take(size: int) -> bytes:
            nonlocal left
            try:
                data = file.read(size)
            except BROKEN as error:
                raise self._damaged(name, error) from error
            left -= len(data)
            if not data and left and size:
                raise InputError(f"ends {left:,} bytes too early", where=self.place(name), hint=_HINT)
            return data

        with file:
            yield take

    def _damaged(self, name: str, error: BaseException) -> InputError:
        return InputError(f"is damaged: {str(error) or type(error).__name__}", where=self.place(name), hint=_HINT)

    def _open(self) -> zipfile.ZipFile:
        guarded = _Guarded(self._file, self.size, self._limits.directory)
        try:
            return zipfile.ZipFile(cast("IO[bytes]", guarded))
        except _DirectoryTooLargeError as error:
            what = f"its table of contents is larger than {self._limits.directory:,} bytes"
            raise InputError(what, where=self.where) from error
        except BROKEN as error:
            what, hint = self._no_zip(error)
            raise InputError(what, where=self.where, hint=hint) from error

    def _no_zip(self, error: BaseException) -> tuple[str, str]:
        """What the file is instead, and what to do about it."""
        try:
            self._file.seek(0)
            start = self._file.read(512)
            self._file.seek(0x8001)
            iso = self._file.read(5) == b"CD001"
        except OSError as fault:
            return f"cannot be read: {fault.strerror or fault}", ""
        if not self.size:
            return "is empty", _HINT
        if iso:
            what = "is an ISO image: install media. vLCM's depot takes the offline bundle (…-depot.zip) of the same release"
            return what, "get that zip from where the ISO came from"
        if start.startswith(b"!<arch>\n"):
            return "is a single VIB, not an offline bundle", "get the offline bundle it belongs to from its vendor"
        if start.startswith(b"PK\x03\x04"):
            return f"is a zip that was cut off or damaged: {error}", _HINT
        if _PAGE.match(start):
            what = "is a web page, not a zip file: the server sent a login page or an error instead of the download"
            return what, "log in at the vendor's site and download the zip again"
        return "is not a zip file", _HINT

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > self._limits.entries:
            raise InputError(f"has {len(infos):,} entries, at most {self._limits.entries:,} are read", where=self.where)
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if fault := _fault(info, self._limits):
                raise InputError(f"refused: {fault}", where=self.place(info.orig_filename), hint=_HINT)
            if info.filename in entries:
                raise InputError("refused: stands in the zip twice", where=self.place(info.filename), hint=_HINT)
            entries[info.filename] = info
        total = sum(info.file_size for info in infos)
        if total > self._limits.expanded:
            what = f"would unpack to {total:,} bytes, at most {self._limits.expanded:,} are read"
            raise InputError(what, where=self.where, hint=_HINT)
        self._refuse_overlap(infos)
        return {name: info for name, info in entries.items() if not info.is_dir()}

    def _refuse_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        """Entries that share bytes make a bomb without a high ratio."""
        ordered = sorted(infos, key=lambda info: info.header_offset)
        for number, info in enumerate(ordered):
            end = info.header_offset + _LOCAL_HEADER + info.compress_size
            limit = ordered[number + 1].header_offset if number + 1 < len(ordered) else self.size
            if info.header_offset < 0 or end > limit:
                what = "refused: it reaches beyond its place in the zip, which was cut off or made up"
                raise InputError(what, where=self.place(info.filename), hint=_HINT)


def _fault(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """What is wrong with an entry by the directory alone; empty: nothing."""
    return _name_fault(info.orig_filename) or _form_fault(info) or _size_fault(info, limits)


def _name_fault(name: str) -> str:
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or ":" in parts[0]:
        return "its name is an absolute path"
    if ".." in parts:
        return "its name leads out of the zip"
    if "\\" in name or not name.isprintable():
        return "its name holds a backslash or a control character"
    if not all(parts) or "." in parts:
        return "its name is not a plain path"
    return ""


def _form_fault(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if info.create_system == _UNIX and kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "it is a link" if stat.S_ISLNK(mode) else "it is neither a file nor a folder"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return f"it is packed by method {info.compress_type}; only stored and deflated are read"
    return ""


def _size_fault(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    if info.file_size > limits.entry:
        return f"it would unpack to {info.file_size:,} bytes, at most {limits.entry:,} are read"
    if info.file_size > max(limits.ratio_from, info.compress_size * limits.ratio):
        return f"it would unpack to {info.file_size:,} bytes from {info.compress_size:,}, as a zip bomb does"
    return ""


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits) -> Iterator[Archive]:
    """The zip at ``path``. Raises ``InputError`` when it is not a file, cannot be read or is refused."""
    where = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError("is a folder", where=where, hint="give the zip itself, as it was downloaded")
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a file", where=where)
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read: {reason}", where=where) from error
    with file, Archive(file, where, limits) as archive:
        yield archive


def beside(folder: str, name: str) -> str:
    """``name`` as seen from ``folder``, both inside a zip, without ``./``: a plain name to look up."""
    return str(PurePosixPath(folder, name))


__all__ = ["BROKEN", "Archive", "beside", "open_archive"]
