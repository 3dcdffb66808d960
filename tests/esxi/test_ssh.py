"""The SSH route against a real OpenSSH server."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from pathlib import Path

import pytest

from auditor.domain.observation import HostObservation, Read, Reason, Route, Unread
from auditor.errors import ConfigError
from auditor.esxi.host import SshHostReader
from auditor.esxi.settings import SshSettings
from auditor.esxi.ssh.link import fetch_host_key
from tests.esxi.sshd import AT, FixedClock, Server, trouble, until
from tests.judges import need


class TestRealServer:
    def test_all_readings_in_one_go(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        seen = server.read()
        assert (seen.host, seen.route, seen.at, seen.vcenter, seen.trouble) == ("esx1.example", Route.SSH, AT, "vc1", None)
        assert isinstance(seen.product, Read)
        assert (seen.product.value.version, seen.product.value.build) == ("9.0.0", "24755229")
        assert (seen.product.value.label, seen.product.value.patch) == ("VMware ESXi 9.0.0 GA", "0")
        assert seen.maintenance_mode == Read(False)
        assert isinstance(seen.profile, Read)
        assert isinstance(seen.vibs, Read)
        assert len(seen.vibs.value) == 112
        assert seen.add_on == Read(None)
        assert seen.staged == Read(None)
        for reading in (seen.base_image, seen.components):
            assert isinstance(reading, Unread)
            assert reading.reason is Reason.NOT_SUPPORTED
        assert [bank.link for bank in seen.banks] == ["/bootbank", "/altbootbank"]
        for bank in seen.banks:
            assert bank.target == Read("/vmfs/volumes/01234567-89abcdef-0123-456789abcdef")
            assert bank.boot_cfg == Read(b"updated=1\n\0\xff")

    def test_one_command_hangs(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("vmware", "sleep 1000")
        server.pin()
        seen = server.read(command_timeout=1)
        assert seen.trouble is None
        assert isinstance(seen.product, Read)  # esxcli said it as well
        assert isinstance(seen.vibs, Read)

    def test_deadline_of_the_host_keeps_what_came_before(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("readlink", "sleep 1000")
        server.pin()
        started = time.monotonic()
        seen = server.read(host_deadline=2, command_timeout=60)
        assert time.monotonic() - started < 50
        assert seen.trouble is None
        assert isinstance(seen.product, Read)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.TIMED_OUT

    def test_connection_dropped_in_the_middle(self, server: Server) -> None:
        server.stub_an_esxi()
        server.stub("readlink", f"touch {server.folder}/reached; sleep 5")
        server.pin()

        def drop() -> None:
            until((server.folder / "reached").exists)
            server.drop()

        threading.Thread(target=drop).start()
        seen = server.read()
        assert isinstance(seen.product, Read)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.CUT_OFF

    def test_host_that_sends_too_much(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        seen = server.read(output_limit=1500)
        assert isinstance(seen.vibs, Unread)
        assert seen.vibs.reason is Reason.TOO_LARGE

    def test_unknown_host_key(self, server: Server) -> None:
        found = trouble(server.read())
        key, line = fetch_host_key("127.0.0.1", server.port)
        assert found.reason is Reason.UNTRUSTED
        assert key.fingerprint in found.detail
        assert "auditor hosts trust ESX1.example" in found.detail
        assert line.startswith(f"[127.0.0.1]:{server.port} ecdsa-sha2-nistp256 ")

    def test_changed_host_key(self, server: Server) -> None:
        server.pin()
        before, _ = fetch_host_key("127.0.0.1", server.port)
        server.stop()
        (server.folder / "host_key").unlink()
        server.keygen("host_key", "ecdsa")
        server.start()
        after, _ = fetch_host_key("127.0.0.1", server.port)
        found = trouble(server.read())
        assert found.reason is Reason.CHANGED
        assert before.fingerprint in found.detail
        assert after.fingerprint in found.detail

    def test_host_with_two_keys_of_which_one_is_pinned(self, server: Server) -> None:
        """The pinned kind is asked for, even where the other one would be taken first."""
        server.stop()
        server.keygen("host_key_rsa", "rsa")
        server.start("host_key_rsa")
        server.pin()
        server.stop()
        server.start("host_key", "host_key_rsa")
        assert server.read().trouble is None

    def test_revoked_key(self, server: Server) -> None:
        server.pin()
        file = server.folder / "known_hosts"
        file.write_text(file.read_text() + f"@revoked {file.read_text()}")
        assert trouble(server.read()).reason is Reason.CHANGED

    @pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
    def test_kinds_of_user_keys_and_passphrase(self, server: Server, kind: str) -> None:
        server.pin()
        path = server.keygen(f"other_{kind}", kind, "open sesame")
        (server.folder / "authorized_keys").write_text(path.with_name(f"{path.name}.pub").read_text())
        reader = SshHostReader(server.settings(key=path), None, FixedClock(), passphrase=lambda: "open sesame")
        assert reader.read(server.target).trouble is None

    def test_refused_login(self, server: Server) -> None:
        server.pin()
        (server.folder / "authorized_keys").write_text("")
        found = trouble(server.read())
        assert found.reason is Reason.DENIED
        assert "lockdown" in found.detail

    def test_password_is_tried_once_and_shown_nowhere(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        server.pin()
        (server.folder / "authorized_keys").write_text("")
        asked = []
        reader = SshHostReader(server.settings(), lambda: asked.append(1) or "s3cret-word", FixedClock())
        with caplog.at_level(logging.DEBUG):
            for _ in range(2):
                assert trouble(reader.read(server.target)).reason is Reason.DENIED
        assert asked == [1]
        assert "s3cret-word" not in repr(reader) + repr(vars(reader)) + caplog.text

    def test_many_threads_share_one_reader(self, server: Server) -> None:
        server.stub_an_esxi()
        server.pin()
        reader = SshHostReader(server.settings(), None, FixedClock())
        seen: list[HostObservation] = []
        threads = [threading.Thread(target=lambda: seen.append(reader.read(server.target))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({repr(one) for one in seen}) == 1
        assert seen[0].trouble is None


class TestConfiguration:
    def test_nothing_to_log_in_with(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError):
            SshHostReader(SshSettings(tmp_path / "known_hosts"), None, FixedClock())

    def test_bad_keys(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("not a key")
        locked = tmp_path / "locked"
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ecdsa", "-N", "open sesame", "-f", locked], check=True)
        for path, passphrase in (
            (tmp_path / "none", None),
            (tmp_path / "text", None),
            (locked, None),
            (locked, lambda: "wrong"),
        ):
            with pytest.raises(ConfigError) as caught:
                SshHostReader(SshSettings(tmp_path / "known_hosts", key=path), None, FixedClock(), passphrase)
            assert caught.value.where == str(path)

    def test_password_that_cannot_be_had_is_not_the_hosts_fault(self, tmp_path: Path, server: Server) -> None:
        def provider() -> str:
            raise ConfigError("the helper command failed")

        server.pin()
        reader = SshHostReader(server.settings(key=None), provider, FixedClock())
        for _ in range(2):
            with pytest.raises(ConfigError):
                reader.read(server.target)
