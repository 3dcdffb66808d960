"""Connections by name on a network of our own: a kernel namespace with its own name server, which says nothing, and its own
addresses, of which some swallow what is sent to them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.judges import need

HOSTS = "127.0.0.2 twofold\n127.0.0.3 twofold\n127.0.0.4 twofold\n127.0.0.1 localhost\n"

NETWORK = """
import fcntl, json, os, socket, struct, subprocess, sys, threading, time
from pathlib import Path
from auditor import tcp

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: the loopback interface is up
for name in ("hosts", "resolv.conf"):
    subprocess.run(["mount", "--bind", f"{sys.argv[1]}/{name}", f"/etc/{name}"], check=True)
name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
name_server.bind(("127.0.0.1", 53))
kept = []

def alive(address):
    kept.append(socket.create_server((address, 902)))

def dead(address):
    "A listener whose queue is full: the kernel drops what comes."
    kept.append(socket.create_server((address, 902), backlog=0))
    for _ in range(4):
        kept.append(sock := socket.socket())
        sock.setblocking(False)
        sock.connect_ex((address, 902))

addresses = [found[4][0] for found in socket.getaddrinfo("twofold", 902, type=socket.SOCK_STREAM)]

def tried(name, connect_timeout, seconds):
    before, begun = len(os.listdir("/proc/self/fd")), time.monotonic()
    try:
        with tcp.connect(name, 902, connect_timeout=connect_timeout, end=begun + seconds) as sock:
            what, left = sock.getpeername()[0], sock.gettimeout()
    except OSError as error:
        what, left = f"{type(error).__name__}: {error}", None
    return {"what": what, "left": left, "took": time.monotonic() - begun, "files": len(os.listdir("/proc/self/fd")) - before}

def told(**what):
    print(json.dumps(what), flush=True)
    os._exit(0)  # as a command ends: look-ups that are stuck are not waited for
"""


def on_own_network(tmp_path: Path, code: str) -> dict[str, Any]:
    """What ``code``, run after ``NETWORK``, tells."""
    (tmp_path / "hosts").write_text(HOSTS)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\nsearch a.test b.test\n")
    apart = [need("unshare"), "--map-root-user", "--mount", "--net"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespaces, so nothing was tried on a network of our own")
    done = subprocess.run(
        [*apart, sys.executable, "-c", NETWORK + code, str(tmp_path)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_name_server_that_says_nothing_costs_the_deadline_and_no_more(tmp_path: Path) -> None:
    found = on_own_network(tmp_path, 'told(**tried("esx1.test", 60, 1))')
    assert found["what"] == "LookUpTimeoutError: the name server did not answer within 1 s"
    assert 1 <= found["took"] < 20, "the resolver itself would take minutes"


def test_look_ups_that_are_stuck_are_bounded_and_all_end_in_time(tmp_path: Path) -> None:
    code = """
took = []
many = [threading.Thread(target=lambda n=n: took.append(tried(f"esx{n}.test", 60, 2))) for n in range(150)]
for each in many: each.start()
for each in many: each.join()
stuck = sum(thread.name.startswith("look-up") for thread in threading.enumerate())
told(stuck=stuck, ended=[each["what"].partition(":")[0] for each in took], longest=max(each["took"] for each in took))
"""
    found = on_own_network(tmp_path, code)
    assert found["ended"] == ["LookUpTimeoutError"] * 150
    assert found["stuck"] == 64
    assert found["longest"] < 60


def test_an_address_needs_no_name_server_even_when_all_places_are_taken(tmp_path: Path) -> None:
    code = """
alive("127.0.0.5")
many = [threading.Thread(target=tried, args=(f"esx{n}.test", 60, 100), daemon=True) for n in range(70)]
for each in many: each.start()
told(**tried("127.0.0.5", 60, 90))
"""
    assert on_own_network(tmp_path, code)["what"] == "127.0.0.5"


def test_dead_addresses_do_not_cost_the_last_one_its_turn(tmp_path: Path) -> None:
    code = "dead(addresses[0]); dead(addresses[1]); alive(addresses[2])\n"
    found = on_own_network(tmp_path, code + 'told(last=addresses[2], **tried("twofold", 120, 180))')
    assert found["what"] == found["last"]
    assert found["took"] < 60, "the first alone would take 120 s"
    assert found["files"] == 0, "nothing is left open but the one that won, and that is closed"
    assert 60 < found["left"] <= 180, "the socket has a timeout: what is left until the end"


def test_a_refusal_tells_more_than_silence(tmp_path: Path) -> None:
    found = on_own_network(tmp_path, 'dead(addresses[0]); dead(addresses[2])\ntold(**tried("twofold", 2, 180))')
    assert found["what"].startswith("ConnectionRefusedError")
    assert found["files"] == 0


def test_all_dead_ends_with_the_connect_time(tmp_path: Path) -> None:
    found = on_own_network(tmp_path, 'for each in addresses: dead(each)\ntold(**tried("twofold", 1, 180))')
    assert found["what"] == "TimeoutError: no address answered in time"
    assert 1 <= found["took"] < 20
    assert found["files"] == 0


def test_a_host_whose_name_is_not_answered_for_says_so(tmp_path: Path) -> None:
    code = """
from auditor.esxi.host import SshHostReader
from auditor.esxi.settings import SshSettings
from auditor.ports import HostTarget
from tests.esxi.sshd import FixedClock

settings = SshSettings(Path(sys.argv[1], "known_hosts"), host_deadline=1)
seen = SshHostReader(settings, lambda: "x", FixedClock()).read(HostTarget("esx1", "esx1.test", 22)).trouble
told(reason=seen.reason, detail=seen.detail)
"""
    found = on_own_network(tmp_path, code)
    assert found["reason"] == "timed-out"
    assert found["detail"] == (
        "the name server did not answer within 1 s (tried: looking up the name esx1.test); "
        "next: check the name servers of this machine"
    )
