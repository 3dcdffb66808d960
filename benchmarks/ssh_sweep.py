"""One exec on each of many hosts over SSH: this tool's route beside asyncssh, OpenSSH and Ansible, in one run.

    python benchmarks/ssh_sweep.py [--hosts 1000] [--replay] [--only NAME ...]

Every client is a process of its own, logs in with the same ECDSA key, knows every host's key beforehand, works on 64 hosts
at a time, runs the very script of the collector and must get every answer whole. The hosts are the lab's, in a process
of their own. They run the script in the lab's shell, which costs more than any client; with --replay they answer with
what that shell gave the first time, so that wall times compare the clients and not the lab.

Ansible is installed into a temporary environment; ssh must be there; asyncssh comes with the extra "lab".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure

CONCURRENCY = 64
IMAGES = ("8.0.3-0.60.24585383", "8.0.3-0.70.24674464")
ANSIBLE = "ansible-core==2.19.*"
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - raw: "{{ lookup('ansible.builtin.file', folder + '/script') }}"
      register: answer
      failed_when: (nonce + ' done') not in answer.stdout
"""


@dataclass(frozen=True)
class Place:
    """The folder the lab wrote: key, known_hosts, and each host's address and port."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def hosts(self) -> list[tuple[str, int]]:
        return [(address, port) for address, port in json.loads((self.folder / "hosts.json").read_text("ascii"))]

    @property
    def nonce(self) -> str:
        return (self.folder / "nonce").read_text("ascii")

    @property
    def script(self) -> str:
        return (self.folder / "script").read_text("ascii")


# The hosts -------------------------------------------------------------------------------------------------------------


def serve(place: Place, count: int, *, replay: bool) -> None:
    """Be the hosts until standard input ends."""
    import asyncssh

    from auditor.esxi import script
    from auditor.lab.addresses import give_addresses
    from auditor.lab.hosts import fleet
    from auditor.lab.hosts.host import LabHost
    from auditor.lab.hosts.images import make_image

    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    key.write_private_key(place.key)
    place.key.chmod(0o600)  # ssh insists
    images = [make_image(image) for image in IMAGES]
    public = key.export_public_key().decode("ascii")
    hosts = [LabHost(f"esx{n:05}.example.com", images[n % 2], authorized_keys=[public]) for n in range(count)]
    give_addresses(hosts)
    if replay:
        fleet.run_process = _replayed(fleet.run_process)  # type: ignore[attr-defined]
    with fleet.SshFleet(hosts):
        place.known_hosts.write_text("".join(f"{host.known_hosts_line()}\n" for host in hosts), "ascii")
        nonce = script.new_nonce()
        (place.folder / "nonce").write_text(nonce, "ascii")
        (place.folder / "script").write_text(script.render(nonce), "ascii")
        (place.folder / "hosts.json").write_text(json.dumps([(host.address, host.port) for host in hosts]), "ascii")
        print("ready", flush=True)
        sys.stdin.read()


def _replayed(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The lab's way to run a command, but each text only once."""
    import asyncio

    from auditor.lab.shell.run import run_script

    known: dict[str, Any] = {}

    async def run(process: Any) -> None:
        if process.command is None:
            await real(process)
            return
        if process.command not in known:
            host = process.get_extra_info("lab_server").host
            known[process.command] = asyncio.ensure_future(run_script(host, process.command))
        result = await known[process.command]
        process.stdout.write(result.stdout.decode("latin-1"))
        process.stderr.write(result.stderr.decode("latin-1"))
        process.exit(result.status)

    return run


# The clients: each prints how many answers were whole ----------------------------------------------------------------------


def by_auditor(place: Place) -> int:
    """This tool's SSH route: reads, checks and parses."""
    from auditor.cli.wiring import SystemClock
    from auditor.domain.observation import Read
    from auditor.esxi.host import SshHostReader
    from auditor.esxi.settings import SshSettings
    from auditor.parallel import each
    from auditor.ports import HostTarget

    reader = SshHostReader(SshSettings(place.known_hosts, key=place.key), None, SystemClock())
    targets = [HostTarget(f"{address}:{port}", address, port, "") for address, port in place.hosts]
    seen = each(targets, reader.read, CONCURRENCY)
    return sum(
        observation.trouble is None
        and all(isinstance(r, Read) for r in (observation.vibs, observation.components, observation.base_image))
        for observation in seen
    )


def by_asyncssh(place: Place) -> int:
    """asyncssh in one event loop, keys loaded once; the output is not parsed."""
    import asyncio

    import asyncssh

    async def sweep() -> int:
        slots = asyncio.Semaphore(CONCURRENCY)
        key = asyncssh.read_private_key(place.key)
        known = asyncssh.read_known_hosts(str(place.known_hosts))
        script, end = place.script, f"\n{place.nonce} done\n"

        async def one(address: str, port: int) -> bool:
            async with (
                slots,
                asyncssh.connect(address, port, username="root", client_keys=[key], known_hosts=known, config=None) as link,
            ):
                return end in str((await link.run(script)).stdout)

        return sum(await asyncio.gather(*(one(address, port) for address, port in place.hosts)))

    return asyncio.run(sweep())


def by_ssh(place: Place) -> int:
    """OpenSSH, a process for each host; a small Python program starts them."""
    script, end = place.script, f"\n{place.nonce} done\n".encode()
    fixed = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={place.known_hosts}"]
    fixed += ["-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-i", str(place.key)]

    def one(host: tuple[str, int]) -> bool:
        command = [*fixed, "-p", str(host[1]), f"root@{host[0]}", script]
        return end in subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).stdout

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return sum(pool.map(one, place.hosts))


CLIENTS: dict[str, Callable[[Place], int]] = {"auditor": by_auditor, "asyncssh": by_asyncssh, "ssh": by_ssh}


def ansible(place: Place) -> tuple[list[str], dict[str, str]]:
    """The command that does the same with Ansible's raw module, and its environment."""
    environment = place.folder / "ansible"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([environment / "bin" / "pip", "install", "--quiet", ANSIBLE], check=True)
    inventory = "".join(f"host{n} ansible_host={a} ansible_port={p}\n" for n, (a, p) in enumerate(place.hosts))
    (place.folder / "inventory").write_text(inventory, "ascii")
    (place.folder / "play.yml").write_text(PLAY, "ascii")
    options = f"-F /dev/null -o ControlMaster=no -o UserKnownHostsFile={place.known_hosts} -o StrictHostKeyChecking=yes"
    command = [f"{environment}/bin/ansible-playbook", "-i", f"{place.folder}/inventory", "-u", "root", "-f", str(CONCURRENCY)]
    command += ["--private-key", str(place.key), "--ssh-common-args", options, "-e", f"folder={place.folder}"]
    command += ["-e", f"nonce={place.nonce}", f"{place.folder}/play.yml"]
    return command, {"ANSIBLE_SSH_ARGS": "-C", "ANSIBLE_STDOUT_CALLBACK": "minimal", "ANSIBLE_DISPLAY_OK_HOSTS": "false"}


# The run ----------------------------------------------------------------------------------------------------------------


def compare(place: Place, lab: int, names: Sequence[str], count: int) -> None:
    """Run the clients one after the other and print what each cost, and how it compares with this tool."""
    print(f"{'client':<10}{'whole':>7}{'wall s':>8}{'CPU s':>8}{'CPU ms/host':>13}{'MB':>6}{'CPU ratio':>11}{'lab CPU s':>11}")
    base = 0.0
    for name in names:
        if name == "ansible":
            command, environment = ansible(place)
        else:
            command, environment = [sys.executable, __file__, "client", name, str(place.folder)], {}
        before = measure.cpu_of(lab)
        cost = measure.run(command, environment)
        if name == "ansible":  # it ends with 0 only if no host failed, and the play fails a host whose answer is not whole
            whole = 0 if cost.status else count
        else:
            whole = int(cost.output.strip() or 0)
        base = base or cost.cpu
        figures = (
            f"{cost.wall:>8.1f}{cost.cpu:>8.1f}{1000 * cost.cpu / count:>13.1f}{cost.memory:>6.0f}{cost.cpu / base:>11.1f}"
        )
        print(f"{name:<10}{whole:>7}{figures}{measure.cpu_of(lab) - before:>11.1f}", flush=True)
        if whole != count:
            sys.exit(f"{name}: {count - whole} of {count} answers are missing or not whole (status {cost.status})")


def main() -> None:
    if sys.argv[1:2] == ["client"]:
        print(CLIENTS[sys.argv[2]](Place(Path(sys.argv[3]))))
        return
    if sys.argv[1:2] == ["serve"]:
        serve(Place(Path(sys.argv[2])), int(sys.argv[3]), replay=sys.argv[4] == "True")
        return
    names = (*CLIENTS, "ansible")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--replay", action="store_true", help="the hosts answer from memory")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    given = parser.parse_args()
    print(f"{measure.machine()}; {time.strftime('%Y-%m-%d')}")
    print(f"{given.hosts} hosts, {CONCURRENCY} at a time{', answers replayed' if given.replay else ''}")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "serve", folder, str(given.hosts), str(given.replay)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lab:
            assert lab.stdout is not None
            lab.stdout.readline()
            compare(Place(Path(folder)), lab.pid, given.only, given.hosts)
            lab.communicate()


if __name__ == "__main__":
    main()
