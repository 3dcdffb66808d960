"""A root file system like an ESXi host's behind a real sshd: busybox ash, its programs, and two boot banks as real files.

Every session is put into it with chroot, so an order's text runs there exactly as it was sent: ``/bootbank`` is a link to
``/vmfs/volumes/<uuid>``, and nothing else is on the PATH. Only what ESXi alone has is a stub, and ``sync``, which would
write out the whole machine's disks.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

from auditor.domain.bootcfg import state_offset
from auditor.domain.rollback.arm import ByteEdit
from auditor.domain.rollback.control import BootCfgChange
from auditor.esxi.order import COPY, TOOLS
from auditor.lab.hosts.bank import LabBank
from auditor.lab.hosts.host import LabHost
from auditor.lab.hosts.images import make_image
from tests.esxi.sshd import Server, until
from tests.judges import need

OLD, NEW = "8.0.3-0.60.24585383", "8.0.3-0.70.24674464"
BUNDLE = "/scratch/downloads/52c0ffee-1234-abcd-5678-0123456789ab/configBundle-esx1.example.tgz"

_APPLETS = {*TOOLS, "[", "ash", "date", "echo", "grep", "head", "ls", "mkdir", "sed", "sh", "sleep", "stat", "test"}

_ESXCLI = """
case "$*" in
"system maintenanceMode get") if [ -e /maintenance ]; then echo Enabled; else echo Disabled; fi ;;
"system maintenanceMode set -e true -t "*) : >/maintenance ;;
"system maintenanceMode set -e false -t "*) rm -f /maintenance ;;
"system version get") printf '   Product: VMware ESXi\\n   Version: 8.0.3\\n   Build: Releasebuild-24674464\\n' ;;
"system shutdown reboot -r "*)
  [ -e /maintenance ] || { echo "The host is not in maintenance mode." >&2; exit 1; }
  printf '%s\\n' "reboot: $5 ($#)" >>/calls ;;
*) echo "Error: Unknown command or namespace $*"; echo; exit 1 ;;
esac
"""


class HostRoot:
    """One host's files in ``folder``, and the sessions of ``server``, which must not run yet, in them."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.path, self.server = folder, server
        self.busybox = need("busybox")
        for name in ("bin", "dev", "tmp", "var/run", BUNDLE.rpartition("/")[0].strip("/")):
            (folder / name).mkdir(parents=True)
        self._programs()
        self._banks()
        server.options += [f"ForceCommand {self._session()}"]

    def _programs(self) -> None:
        shutil.copy(self.busybox, self.path / "bin" / "busybox")
        listed = subprocess.run(["ldd", self.busybox], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):  # none where it is linked statically
            place = self.path / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        for applet in _APPLETS:
            (self.path / "bin" / applet).symlink_to("busybox")
        null = self.path / "dev" / "null"
        with suppress(PermissionError):
            os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        try:
            null.read_bytes()
        except OSError:  # no device can be made here, or none be used: an empty file reads the same
            null.unlink(missing_ok=True)
            null.touch()
        self.stub("sync", 'set -- $(busybox sha256sum /bootbank/boot.cfg)\necho "sync: $1" >>/calls')
        self.stub("esxcli", _ESXCLI)
        self.stub("vmware", "echo 'VMware ESXi 8.0.3 build-24674464'; echo 'VMware ESXi 8.0 Update 3'")
        self.stub("vim-cmd", f"case $1 in */backup_config) echo 'Bundle can be downloaded at : http://*{BUNDLE[8:]}' ;; esac")

    def _banks(self) -> None:
        host = LabHost("esx1.example", make_image(OLD))
        host.remediate(make_image(NEW))
        assert host.boot_bank is not None
        assert host.other_bank is not None
        self.bank, self.other = self._write(host.boot_bank), self._write(host.other_bank)
        for link, bank in (("bootbank", self.bank), ("altbootbank", self.other)):
            (self.path / link).symlink_to(f"/vmfs/volumes/{bank.name}")
        partitions = "".join(
            f"{self.bank.name if bank is host.boot_bank else self.other.name}) n={bank.partition} ;;\n" for bank in host.banks
        )
        self.stub(
            "vmkfstools",
            f'v=$(readlink -f "$2")\ncase ${{v##*/}} in\n{partitions}esac\n'
            'printf \'Partitions spanned (on "disks"):\\n\\tmpx.vmhba32:C0:T0:L0:%s\\n\' "$n"',
        )
        self.before = self.boot_cfg
        self.change = self._change()

    def _write(self, bank: LabBank) -> Path:
        folder = self.path / "vmfs" / "volumes" / bank.volume
        folder.mkdir(parents=True)
        for name, data in bank.files.items():
            (folder / name).write_bytes(data)
        return folder

    def _change(self) -> BootCfgChange:
        offset = state_offset(self.before)
        assert offset is not None
        volume, other = (f"/vmfs/volumes/{bank.name}" for bank in (self.bank, self.other))
        return BootCfgChange(volume, self.before, ByteEdit(offset, "0", "3"), other, (self.other / "boot.cfg").read_bytes())

    def _session(self) -> Path:
        """What sshd runs for every command. ``noise``, if it is there, comes before; ``under`` is what the rest runs under."""
        enter = need("chroot") if os.geteuid() == 0 else f"{need('unshare')} --map-root-user {need('chroot')}"
        inside = f"{enter} {self.path} /bin/busybox env -i PATH=/bin /bin/ash -c"
        script = self.path.parent / "session"
        script.write_text(
            "#!/bin/sh\n"
            f"[ -e {self.noise} ] && cat {self.noise} && cat {self.noise} >&2\n"
            f'$(cat {self._under} 2>/dev/null) {inside} "$SSH_ORIGINAL_COMMAND"\n'
            "status=$?\n"
            f"echo >>{self._over}\n"
            "exit $status\n"
        )
        script.chmod(0o755)
        return script

    @property
    def noise(self) -> Path:
        return self.path.parent / "noise"

    @property
    def _under(self) -> Path:
        return self.path.parent / "under"

    @property
    def _over(self) -> Path:
        return self.path.parent / "over"

    @property
    def boot_cfg(self) -> bytes:
        return (self.bank / "boot.cfg").read_bytes()

    @property
    def copy(self) -> Path:
        return self.bank / COPY

    @property
    def calls(self) -> list[str]:
        """What was asked of the stubs that keep a record."""
        log = self.path / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def stub(self, name: str, body: str) -> None:
        """Put a program of ours in place of another."""
        path = self.path / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/ash\n{body}\n")
        path.chmod(0o755)

    def failing(self, name: str, call: str, error: str) -> None:
        """Have the kernel answer ``call`` with ``error`` wherever it concerns that file of the booted bank: a file system that
        is full or read-only, for whoever may not mount one."""
        places = " ".join(f"-P {place}" for place in (self.bank / name, f"{self.change.volume}/{name}"))
        self._under.write_text(f"{need('strace')} -f -qq -o /dev/null {places} -e inject={call}:error={error}")

    def hold(self, program: str, nth: int) -> None:
        """Stop the nth run of a program before it does anything, until `release`."""
        self._over.unlink(missing_ok=True)
        os.mkfifo(self.path / "go")
        (self.path / "count").write_text("0\n")
        place = self.path / "bin" / program
        own = place.with_name(f"{program}.own")
        place.rename(own)
        run = f"/bin/busybox {program}" if own.is_symlink() else f"/bin/{own.name}"
        self.stub(
            program,
            "read n </count\nn=$((n + 1))\necho $n >/count\n"
            f"if [ $n -eq {nth} ]; then : >/reached; read go </go; fi\n"
            f'exec {run} "$@"',
        )

    def held(self) -> None:
        """Wait until a program is held."""
        until((self.path / "reached").exists, seconds=30)

    def release(self) -> None:
        """Let it go on."""
        (self.path / "go").write_text("\n")

    def wait(self) -> None:
        """Wait until the session's shell has ended, whether anybody listens to it or not."""
        until(self._over.exists, seconds=30)
        self._over.unlink()


__all__ = ["BUNDLE", "NEW", "OLD", "HostRoot"]
