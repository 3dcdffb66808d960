"""One boot bank of a simulated host: a FAT volume with ``boot.cfg``, module files and archives, all as real bytes.

``boot.cfg`` has the keys of an installed host in their usual order, the modules on one line (field note a). The
``build=`` form of 9.x is INFERRED from the version of esx-base: no boot.cfg of an installed 9.x host has been
published. The archives are real gzipped tar files, but their inside is the lab's own and much smaller than ESXi's.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from auditor.domain.bootbank import BootState
from auditor.domain.bootcfg import LoaderKeys, read_keys, state_offset, with_byte
from auditor.lab.hosts.images import LabComponent, LabImage, LabVib
from auditor.lab.hosts.settings import LabSettings

BOOT_CFG = "boot.cfg"
STATE = "state.tgz"
LOCKDOWN_OFF = "lockdownDisabled"

_FIRST_MODULES = (
    "jumpstrt.gz", "useropts.gz", "features.gz", "k.b00", "uc_intel.b00", "uc_amd.b00", "uc_hygon.b00", "procfs.b00",
    "vmx.v00", "vim.v00", "tpm.v00", "sb.v00", "s.v00",
)  # fmt: skip
_LAST_MODULES = ("imgdb.tgz", "basemisc.tgz", "resvibs.tgz", "esxiodpt.tgz", "imgpayld.tgz")
_OWN_PAYLOADS = frozenset({"esx-base", "cpu-microcode"})
"""VIBs whose payloads are the first modules, so that they have no module named after them."""


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The part of a host's configuration that lives in the state archive and so goes back with a rollback."""

    password: str = field(repr=False)
    authorized_keys: tuple[str, ...] = ()
    host_key: int = 0
    """Which of the keys it ever had is the host's; the key itself is kept by the simulation."""
    vpxuser: int = 0
    """Which of the passwords that vCenter ever gave its own account on the host is set."""
    lockdown: str = LOCKDOWN_OFF
    """Lockdown mode, as vim25 names it."""
    lockdown_exceptions: tuple[str, ...] = ()
    """Users whom it does not keep out."""
    settings: LabSettings = field(default_factory=LabSettings)


class LabBank:
    """A boot bank. ``image`` is what its files hold; None when there is nothing to boot behind the boot.cfg."""

    def __init__(self, volume: str, partition: int) -> None:
        self.volume = volume
        """UUID of the FAT volume: the bank is /vmfs/volumes/<volume>."""
        self.partition = partition
        self.files: dict[str, bytes] = {}
        self.times: dict[str, datetime] = {}
        """When a file was written, where that is known."""
        self.image: LabImage | None = None

    @property
    def keys(self) -> LoaderKeys | None:
        """What the loader reads from boot.cfg; None without a file or when the loader gives the file up."""
        boot_cfg = self.files.get(BOOT_CFG)
        return None if boot_cfg is None else read_keys(boot_cfg)

    @property
    def updated(self) -> int:
        """The counter as the loader reads it, 0 where it reads none."""
        keys = self.keys
        return 0 if keys is None else keys.updated

    @property
    def bootstate(self) -> int:
        """The state as the loader reads it, INVALID where it reads none."""
        keys = self.keys
        return int(BootState.INVALID) if keys is None else keys.bootstate

    @property
    def has_modules(self) -> bool:
        """Whether every file boot.cfg names is there; the loader does not look, the next boot stage does."""
        needed = modules_of(self.files.get(BOOT_CFG, b""))
        return bool(needed) and all(name in self.files for name in needed if name != STATE)

    def write_image(self, image: LabImage, *, bootstate: BootState, updated: int, config: HostConfig) -> None:
        """Replace the bank's content by ``image`` with this state, counter and configuration."""
        payload = payload_of(image)
        self.image = image
        self.files = {
            BOOT_CFG: boot_cfg(image.vib_version, tuple(payload), bootstate=bootstate, updated=updated),
            **payload,
            STATE: pack_config(config),
        }

    def set_bootstate(self, state: BootState) -> None:
        """Change the state's one character, where the loader would; without such a place nothing happens."""
        text = self.files.get(BOOT_CFG)
        offset = None if text is None else state_offset(text)
        if text is not None and offset is not None:
            self.files[BOOT_CFG] = with_byte(text, offset, str(int(state)))

    def copy(self) -> LabBank:
        """An independent copy, for looking at a moment of the past."""
        other = LabBank(self.volume, self.partition)
        other.files, other.times, other.image = dict(self.files), dict(self.times), self.image
        return other


def boot_cfg(build: str, modules: tuple[str, ...], *, bootstate: int, updated: int) -> bytes:
    """The boot.cfg of an installed host. ``modules`` are the files besides the kernel and the state archive."""
    listed = [name for name in modules if name != "b.b00"]
    lines = (
        f"bootstate={int(bootstate)}",
        "title=Loading VMware ESXi",
        "timeout=5",
        "prefix=",
        "kernel=b.b00",
        "kernelopt=autoPartition=FALSE",
        f"modules={' --- '.join((*listed, STATE))}",
        f"build={build}",
        f"updated={updated}",
    )
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def modules_of(text: bytes) -> list[str]:
    """The files a boot.cfg names, the kernel first, without a leading slash."""
    found: list[str] = []
    for key, pattern in ((rb"kernel", rb"\s+"), (rb"modules", rb"\s+---\s+")):
        match = re.search(rb"^" + key + rb"=(.*)$", text, re.MULTILINE)
        if match and match[1].strip():
            found += [name.strip().lstrip(b"/").decode("latin-1") for name in re.split(pattern, match[1].strip())]
    return found


def _module_names(vibs: tuple[LabVib, ...]) -> dict[str, str]:
    """8.3 names as the installer gives them: eight characters, then .v00, .v01 where names collide, .t00 for tools."""
    taken: set[str] = set(_FIRST_MODULES)
    names: dict[str, str] = {}
    for vib in vibs:
        if vib.name in _OWN_PAYLOADS:
            continue
        stem = "tools" if vib.name == "tools-light" else re.sub(r"[^a-z0-9]", "_", vib.name.lower())[:8]
        letter = "t" if vib.name == "tools-light" else "v"
        number = 0
        while (name := f"{stem}.{letter}{number:02d}") in taken:
            number += 1
        taken.add(name)
        names[name] = f"{vib.name} {vib.version}"
    return names


@lru_cache(maxsize=256)
def payload_of(image: LabImage) -> Mapping[str, bytes]:
    """The files of a bank that come from the image alone: kernel, modules, image database. Do not change it."""
    files = {"b.b00": f"kernel {image.vib_version}\n".encode()}
    for name in _FIRST_MODULES:
        files[name] = f"module {name} esx-base {image.vib_version}\n".encode()
    for name, content in _module_names(image.vibs).items():
        files[name] = f"module {name} {content}\n".encode()
    for name in _LAST_MODULES:
        files[name] = tgz({name.split(".")[0]: image.vib_version.encode()})
    files["imgdb.tgz"] = _image_database(image)
    return files


def _image_database(image: LabImage) -> bytes:
    """imgdb.tgz: one descriptor a VIB, the profile, base image and add-on, under the folders ESXi uses, and one bulletin a
    component, in the form of offline bundles (the folder's name is not verified)."""
    folder = "var/db/esximg"
    members = {
        f"{folder}/vibs/{vib.name}-{index}.xml": (
            f'<vib version="5.0"><type>bootbank</type><name>{escape(vib.name)}</name>'
            f"<version>{escape(vib.version)}</version><vendor>{escape(vib.vendor)}</vendor></vib>\n"
        ).encode()
        for index, vib in enumerate(image.vibs)
    }
    members[f"{folder}/profiles/profile-0.xml"] = (
        f"<imageprofile><name>{escape(image.profile_name)}</name></imageprofile>\n".encode()
    )
    if image.release >= (7, 0, 0):
        members[f"{folder}/baseimages/{image.base_image}.xml"] = (
            f"<baseimage><version>{escape(image.base_image)}</version></baseimage>\n".encode()
        )
    for index, component in enumerate(image.components):
        listed = "".join(f"<vibID>{escape(vib.bulletin_id)}</vibID>" for vib in _installed(component, image))
        members[f"{folder}/bulletins/{component.name}-{index}.xml"] = (
            f"<bulletin><id>{escape(component.name)}_{escape(component.version)}</id>"
            f"<componentNameSpec name={quoteattr(component.name)} uiString={quoteattr(component.display_name)}/>"
            f"<componentVersionSpec version={quoteattr(component.version)} uiString={quoteattr(component.display_version)}/>"
            f"<vibList>{listed}</vibList></bulletin>\n"
        ).encode()
    if image.add_on is not None:
        members[f"{folder}/addons/{image.add_on.name}.xml"] = (
            f"<addon><name>{escape(image.add_on.name)}</name><version>{escape(image.add_on.version)}</version></addon>\n"
        ).encode()
    return tgz(members)


def _installed(component: LabComponent, image: LabImage) -> list[LabVib]:
    """The component's VIBs as the image has them: a VIB installed by hand takes the place of its namesake."""
    named = {vib.name: vib for vib in image.vibs}
    return [named[vib.name] for vib in component.vibs if vib.name in named]


def tgz(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive of these members; equal members give equal bytes."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(inner.getvalue(), compresslevel=1, mtime=0)


_CONFIG_MEMBER = "etc/lab-host.json"


def pack_config(config: HostConfig) -> bytes:
    """The state archive holding ``config``. Plain, also where ESXi 7.0U2 and later encrypts it."""
    return tgz({_CONFIG_MEMBER: json.dumps(asdict(config)).encode()})


def unpack_config(archive: bytes | None) -> HostConfig | None:
    """The configuration in a state archive; None when there is none or it is damaged: the host boots factory-new."""
    if archive is None:
        return None
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            member = tar.extractfile(_CONFIG_MEMBER)
            data = json.loads(member.read()) if member else {}
        keys = tuple(data["authorized_keys"])
        lockdown, excepted = str(data.get("lockdown", LOCKDOWN_OFF)), tuple(data.get("lockdown_exceptions", ()))
        return HostConfig(
            data["password"],
            keys,
            int(data.get("host_key", 0)),
            int(data.get("vpxuser", 0)),
            lockdown,
            excepted,
            LabSettings.from_plain(data.get("settings")),
        )
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError):
        return None


def configuration_bundle(release: str, config: HostConfig) -> bytes:
    """What ``backup_config`` makes: a Manifest that names the release, and the state archive."""
    return tgz({"Manifest.txt": f"RELEASELEVEL: {release}\n".encode(), "state.tgz": pack_config(config)})
