"""The file tree of a simulated host: both banks, /tmp, /etc and what else a collector or a person looks at.

It lives in memory and reaches nothing of the real machine. The banks are shown live: writing /bootbank/boot.cfg changes
the bank's bytes. Everything else is RAM and made anew at every boot.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime
from typing import TYPE_CHECKING

from auditor.lab.shell.process import Description

if TYPE_CHECKING:
    from auditor.lab.hosts.bank import LabBank
    from auditor.lab.hosts.host import LabHost

MAX_LINKS = 40
MAX_FILE = 8 * 2**20
"""Bytes a file may grow to; the RAM disks of a host are small too."""
_FOLDERS = (
    "/tmp",  # noqa: S108 - the simulated host's own
    "/var/tmp",  # noqa: S108 - as above
    "/etc/ssh/keys-root",
    "/var/run",
    "/var/log",
    "/vmfs/volumes",
    "/dev",
    "/scratch/downloads",
)
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib/vmware/vsan/bin", "/usr/lib/vmware/secureboot/bin")


class FileError(Exception):
    """What the kernel would say of a path; the text is the system's own."""


class File:
    """A plain file."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    @property
    def modified(self) -> datetime | None:
        """When it was written; None: at the boot."""
        return None


class BankFile(File):
    """A file of a boot bank, read and written through to it. ``trouble`` tells what the volume does wrong."""

    def __init__(self, bank: LabBank, name: str, trouble: Callable[[], str] = str) -> None:
        self._bank, self._name, self._trouble = bank, name, trouble

    @property
    def data(self) -> bytes:
        return self._bank.files.get(self._name, b"")

    @data.setter
    def data(self, value: bytes) -> None:
        _writable(self._trouble(), grows=len(value) > len(self.data))
        self._bank.files[self._name] = bytes(value)

    @property
    def modified(self) -> datetime | None:
        return self._bank.times.get(self._name)


def _writable(trouble: str, *, grows: bool) -> None:
    if trouble == "read-only":
        raise FileError("Read-only file system")
    if trouble == "full" and grows:
        raise FileError("No space left on device")


class Link:
    """A symbolic link; the target may depend on the moment."""

    def __init__(self, target: str | Callable[[], str]) -> None:
        self._target = target

    @property
    def target(self) -> str:
        return self._target if isinstance(self._target, str) else self._target()


class Directory:
    """A folder."""

    def __init__(self, entries: MutableMapping[str, Node] | None = None) -> None:
        self.entries: MutableMapping[str, Node] = {} if entries is None else entries


Node = File | Link | Directory


class _BankEntries(MutableMapping[str, Node]):
    """A bank's files as directory entries. FAT keeps no folders here and takes nothing but files."""

    def __init__(self, bank: LabBank, trouble: Callable[[], str]) -> None:
        self._bank, self._trouble = bank, trouble

    def __getitem__(self, name: str) -> Node:
        if name not in self._bank.files:
            raise KeyError(name)
        return BankFile(self._bank, name, self._trouble)

    def __setitem__(self, name: str, node: Node) -> None:
        if not isinstance(node, File):
            raise FileError("Operation not permitted")
        _writable(self._trouble(), grows=True)
        self._bank.files[name] = bytes(node.data)

    def __delitem__(self, name: str) -> None:
        _writable(self._trouble(), grows=False)
        del self._bank.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._bank.files))

    def __len__(self) -> int:
        return len(self._bank.files)


class FileSystem:
    """The tree. Paths are absolute or relative to ``cwd``; failures are `FileError`."""

    def __init__(self, host: LabHost) -> None:
        self.root = Directory()
        for path in _FOLDERS:
            self.make_folders(path)
        for folder in PROGRAM_FOLDERS:
            self.make_folders(folder)

        def trouble() -> str:
            return str(host.faults.get("bank", ""))

        for bank, label in zip(host.banks, ("BOOTBANK1", "BOOTBANK2"), strict=True):
            self.put(f"/vmfs/volumes/{bank.volume}", Directory(_BankEntries(bank, trouble)))
            self.put(f"/vmfs/volumes/{label}", Link(f"/vmfs/volumes/{bank.volume}"))
        self.put("/bootbank", Link(lambda: bank_path(host, main=True)))
        self.put("/altbootbank", Link(lambda: bank_path(host, main=False)))
        keys = "".join(f"{line}\n" for line in host.authorized_keys)
        self.put("/etc/ssh/keys-root/authorized_keys", File(keys.encode()))
        self.put("/etc/vmware-release", File(f"VMware ESXi {host.running_image.product_version}\n".encode()))
        if host.live_marker:
            self.put("/var/run/update_altbootbank", File())

    def make_folders(self, path: str) -> Directory:
        """The folder at an absolute path, made with its parents where missing."""
        here = self.root
        for name in path.strip("/").split("/"):
            node = here.entries.get(name)
            if not isinstance(node, Directory):
                node = here.entries[name] = Directory()
            here = node
        return here

    def put(self, path: str, node: Node) -> None:
        """Place a node at an absolute path whose folder exists."""
        folder, name = posixpath.split(path)
        (self.make_folders(folder) if folder != "/" else self.root).entries[name] = node

    def locate(self, path: str, cwd: str = "/", *, follow: bool = True) -> tuple[str, Node | None]:
        """The real path behind ``path`` and what is there; None when only the last name is missing."""
        pending = [name for name in posixpath.join(cwd, path).split("/") if name not in {"", "."}]
        if path == "":
            raise FileError("No such file or directory")
        real: list[tuple[str, Directory]] = []
        here: Node = self.root
        links = 0
        while pending:
            name = pending.pop(0)
            if not isinstance(here, Directory):
                raise FileError("Not a directory")
            if name == "..":
                here = real.pop()[1] if real else self.root
                continue
            node = here.entries.get(name)
            if node is None:
                if pending:
                    raise FileError("No such file or directory")
                return "/" + "/".join([*(step for step, _ in real), name]), None
            if isinstance(node, Link) and (pending or follow):
                links += 1
                if links > MAX_LINKS:
                    raise FileError("Too many levels of symbolic links")
                target = node.target
                pending[:0] = [step for step in target.split("/") if step not in {"", "."}]
                if target.startswith("/"):
                    real, here = [], self.root
                continue
            real.append((name, here))
            here = node
        if path.endswith("/") and not isinstance(here, Directory):
            raise FileError("Not a directory")
        return "/" + "/".join(step for step, _ in real), here

    def node(self, path: str, cwd: str = "/", *, follow: bool = True) -> Node:
        """What is at ``path``."""
        found = self.locate(path, cwd, follow=follow)[1]
        if found is None:
            raise FileError("No such file or directory")
        return found

    def read(self, path: str, cwd: str = "/") -> bytes:
        """A file's content."""
        return self.file(path, cwd).data

    def file(self, path: str, cwd: str = "/") -> File:
        """An existing plain file."""
        node = self.node(path, cwd)
        if not isinstance(node, File):
            raise FileError("Is a directory")
        return node

    def create(self, path: str, cwd: str = "/", *, truncate: bool = True) -> File:
        """The file at ``path``, made where missing, emptied if ``truncate``."""
        real, node = self.locate(path, cwd)
        if isinstance(node, Directory):
            raise FileError("Is a directory")
        if node is None:
            folder = self.folder_of(real)
            folder.entries[posixpath.basename(real)] = File()
            node = folder.entries[posixpath.basename(real)]
        if not isinstance(node, File):
            raise FileError("Invalid argument")
        if truncate:
            node.data = b""
        return node

    def folder_of(self, real: str) -> Directory:
        """The folder an absolute, link-free path lies in."""
        folder = self.node(posixpath.dirname(real) or "/")
        if not isinstance(folder, Directory):
            raise FileError("Not a directory")
        return folder

    def remove(self, path: str, cwd: str = "/") -> None:
        """Take away what is at ``path`` itself, a link rather than its target."""
        real, node = self.locate(path, cwd, follow=False)
        if node is None:
            raise FileError("No such file or directory")
        del self.folder_of(real).entries[posixpath.basename(real)]


def bank_path(host: LabHost, *, main: bool) -> str:
    """What /bootbank (``main``) or /altbootbank points at, as the host's faults have it."""
    fault = host.faults.get("links")
    if fault == "tmp":
        return "/tmp"  # noqa: S108 - the simulated host's own
    bank = host.boot_bank if main != (fault == "swapped") else host.other_bank
    return f"/vmfs/volumes/{bank.volume}" if bank is not None else "/tmp"  # noqa: S108


class OpenFile(Description):
    """A file opened through a redirection."""

    def __init__(self, file: File, *, append: bool = False) -> None:
        super().__init__()
        self._file, self._append, self._at = file, append, 0

    async def read(self, size: int) -> bytes:
        data = self._file.data[self._at : self._at + size]
        self._at += len(data)
        return data

    async def write(self, data: bytes) -> None:
        old = self._file.data
        if max(len(old), self._at) + len(data) > MAX_FILE:
            raise FileError("No space left on device")
        if self._append or self._at == len(old):
            self._file.data = old + data
            self._at = len(old) + len(data)
            return
        self._file.data = old[: self._at].ljust(self._at, b"\0") + data + old[self._at + len(data) :]
        self._at += len(data)
