"""Finding and reading ``auditor.toml``: paths, defaults, precedence, and files that must not be believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.config import Address, find_config, load_config
from auditor.domain.observation import Route
from auditor.errors import ConfigError, InputError

EXAMPLES = Path(__file__).parents[1] / "schemas" / "config.v1" / "pass"
SMALL = (EXAMPLES / "smallest.toml").read_text()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that is also the current folder, without any of our variables."""
    for name in ("AUDITOR_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str = SMALL, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_everything_is_taken_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESXI_PASSWORD", "env-password")
    path = write(home / "etc" / "auditor.toml", (EXAMPLES / "everything.toml").read_text())
    write(home / "etc" / "esxi-password", "file-password\nsecond line\n")
    config = load_config(path)
    first, second = config.vcenters
    assert (first.host, first.port, first.user) == ("10.0.0.1", 8443, "auditor@vsphere.local")
    assert first.thumbprint == ":".join(["AB"] * 32)
    assert first.routes == (Route.VCENTER, Route.SSH, Route.HOST_API)
    assert second.routes == (Route.VCENTER, Route.SSH)
    assert config.history == home / "etc" / "history.db"
    assert config.ssh
    assert config.ssh.known_hosts == home / "etc" / "known_hosts"
    assert config.ssh.password
    assert config.ssh.password.reveal() == "file-password"
    assert config.ssh.address_of("ESX01.example.org") == Address("10.0.0.11", 2222)
    assert config.ssh.address_of("esx02.example.org") == Address("10.0.0.12", 22)
    assert config.ssh.address_of("esx03.example.org.") == Address("fd00::13", 22)
    assert config.ssh.address_of("other") == Address("other", 2222)
    assert config.host_api
    assert config.host_api.password.reveal() == "env-password"
    assert config.host_api.thumbprints == {"esx01.example.org": ":".join(["AB"] * 32)}
    assert [(host.name, host.address, host.cluster) for host in config.hosts] == [
        ("esx99.example.org", Address("10.0.0.99", 22), "stand-alone")
    ]
    assert (config.deadlines.connect, config.deadlines.authenticate) == (5, 12.5)
    assert config.limits.concurrency == 16
    assert len(list(config.secrets())) == 4


def test_defaults(home: Path) -> None:
    config = load_config(write(home / "x.toml"))
    assert config.history == home / ".local/share/auditor/history.db"
    assert config.ssh is None
    assert config.host_api is None
    assert config.vcenters[0].routes == (Route.VCENTER,)
    assert config.releases is None


def test_nothing_is_resolved_by_loading(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    config = load_config(write(home / "x.toml", SMALL.replace("{ prompt = true }", '{ env = "NOT_SET" }')))
    with pytest.raises(ConfigError, match="NOT_SET"):
        config.vcenters[0].password.reveal()


def test_order_of_the_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="auditor config init"):
        find_config()
    user = write(home / ".config" / "auditor" / "auditor.toml")
    assert find_config() == user
    write(home / "auditor.toml")
    assert find_config() == Path("auditor.toml")
    named = write(home / "named.toml")
    monkeypatch.setenv("AUDITOR_CONFIG", str(named))
    assert find_config() == named
    assert find_config(Path("~/other.toml")) == home / "other.toml"


def test_a_user_without_a_home_is_told_what_to_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container or a service may run under a number that no user has, and without HOME."""

    def nobody(uid: int) -> object:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ConfigError, match="there is no configuration file"):
        find_config()
    with pytest.raises(ConfigError, match="no such home directory"):
        find_config(Path("~/other.toml"))
    write(home / "auditor.toml")
    with pytest.raises(ConfigError, match=r"no such home directory(.|\n)*set HOME(.|\n)*\[history\] path"):
        load_config()
    write(home / "auditor.toml", f'history = {{ path = "h.db" }}\nbackup = {{ folder = "b" }}\n{SMALL}')
    assert load_config().history == home / "h.db"


def test_a_named_file_that_is_not_there_is_no_reason_to_look_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "auditor.toml")
    monkeypatch.setenv("AUDITOR_CONFIG", str(home / "gone.toml"))
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load_config()


def test_a_file_that_others_may_write_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match="everybody may write it"):
        load_config(write(home / "x.toml", mode=0o606))


def test_a_found_file_of_another_user_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(home / "auditor.toml")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        assert find_config() == Path("auditor.toml")  # root's files may be believed by everybody
        os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        find_config()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\nb = \xff\n", "is not UTF-8 text (line 2)"),
        ("[ssh]\r\n".encode("utf-16"), "is not UTF-8: it is UTF-16 text, as PowerShell's > writes it"),
        (b"[ssh\n", "at line 1, column 5"),
        (b"[ssh]\n[ssh]\n", "at line 2, column 5"),
        (b"# x\n" * 400_000, "is larger than"),
    ],
)
def test_unreadable_files_say_where(home: Path, data: bytes, message: str) -> None:
    path = write(home / "x.toml")
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_error(home: Path) -> None:
    path = write(home / "x.toml")
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load_config(path).vcenters


def test_a_folder_is_no_file(home: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(home)


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        ([], [], ["Prod-A", "Prod-Lab1", "Test"]),
        (["prod-*"], [], ["Prod-A", "Prod-Lab1"]),
        (["Prod-*"], ["*-LAB?"], ["Prod-A"]),
        ([], ["Test"], ["Prod-A", "Prod-Lab1"]),
        (["Nothing"], [], []),
    ],
)
def test_cluster_patterns(home: Path, include: list[str], exclude: list[str], wanted: list[str]) -> None:
    config = load_config(write(home / "x.toml", f"{SMALL}include = {include}\nexclude = {exclude}\n"))
    assert [name for name in ("Prod-A", "Prod-Lab1", "Test") if config.vcenters[0].wants(name)] == wanted


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("esx01", Address("esx01", 22)),
        ("esx01:2222", Address("esx01", 2222)),
        ("[fe80::1]:23", Address("fe80::1", 23)),
        ("[fe80::1]", Address("fe80::1", 22)),
        ("fe80::1", Address("fe80::1", 22)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert Address.parse(text, 22) == address
    assert Address.parse(str(address), 1) == address


@pytest.mark.parametrize(
    "text", ["", ":22", "esx01:", "esx01:0", "esx01:65536", "esx01:x", "[fe80::1", "[fe80::1]22", "a b", "esx01:٣"]
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(InputError):
        Address.parse(text, 22)


def test_unknown_vcenter_names_the_known(home: Path) -> None:
    config = load_config(write(home / "x.toml"))
    assert config.vcenter("vc01").host == "vc01.example.org"
    with pytest.raises(InputError, match="configured: vc01"):
        config.vcenter("vc1")
