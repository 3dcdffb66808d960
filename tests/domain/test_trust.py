"""Lists of expected fingerprints, in every form that people have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.trust import Kind, State, Value, expected_of, fingerprint_of
from auditor.errors import InputError

CERT = ":".join(["AB"] * 32)
KEY = "SHA256:" + "a" * 43
RSA = "AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ=="


@pytest.mark.parametrize(
    "text",
    [
        f"esx01 {KEY}\nesx01 {CERT}\n",
        f"# ours\r\n\r\nESX01. {KEY}=\r\nesx01\t{CERT.replace(':', '').lower()}",
        f"Name;Thumbprint;SSH Fingerprint\nesx01;{CERT};{KEY}\n",
        f'"VMHost","IP","Thumbprint SHA256","Fingerprint"\n"esx01","10.0.0.1","{CERT}","{KEY}"\n"dead","","",""\n',
    ],
    ids=["lines", "windows", "semicolons", "csv"],
)
def test_forms(text: str) -> None:
    found = expected_of(text, "list")
    assert found.of(Kind.SSH_KEY, ["ESX01.", "10.0.0.9"]) == {KEY}
    assert found.of(Kind.CERTIFICATE, ["esx01"]) == {CERT}
    assert found.of(Kind.CERTIFICATE, ["esx02"]) is None


def test_lines_of_known_hosts() -> None:
    found = expected_of(f"esx01,2001:DB8::1 ssh-rsa {RSA} comment\n[esx02]:2222 ssh-rsa {RSA}\n", "list")
    (value,) = found.of(Kind.SSH_KEY, ["2001:db8:0::1"]) or ()
    assert value.startswith("SHA256:")
    assert found.of(Kind.SSH_KEY, Value("x", Kind.SSH_KEY, "esx02", 2222).names) == {value}
    assert found.of(Kind.SSH_KEY, Value("x", Kind.SSH_KEY, "esx02", 22).names) is None


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (f"esx01 {CERT}\nesx02 {'AB' * 20}", 2, "SHA-1"),
        ("esx01 " + ":".join(["ab"] * 16), 1, "MD5"),
        (f"esx01 {CERT}\n\nesx01 {'CD' * 32}", 3, "line 1"),
        ("esx01 yes", 1, "no fingerprint"),
        ("esx01", 1, "a blank"),
        (f"esx01 ssh-ed25519 {RSA}", 1, "damaged"),
        (f"|1|a=|b= ssh-rsa {RSA}", 1, "hashed"),
        ("Name,Build\nesx01,5", 2, "no fingerprints"),
        (f"Name,Thumbprint\nesx01,{CERT},7", 2, "columns"),
    ],
    ids=["sha1", "md5", "two", "word", "short", "damaged", "hashed", "heading", "columns"],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(InputError) as caught:
        expected_of(text, "list")
    assert caught.value.where == f"list, line {line}"
    assert word in caught.value.what


def test_an_empty_list_is_none() -> None:
    with pytest.raises(InputError):
        expected_of("# nothing\n", "list")


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_an_input_error(text: str) -> None:
    try:
        found = expected_of(text, "list")
    except InputError:
        return
    assert found.entries


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", ":", "-", " "]))
def test_a_thumbprint_has_one_spelling(digest: bytes, mark: str) -> None:
    plain = digest.hex(mark) if mark else digest.hex()
    assert fingerprint_of(plain) == fingerprint_of(plain.upper()) == (Kind.CERTIFICATE, digest.hex(":").upper())


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, State.NEW),
        ({"old": ("b",)}, State.CHANGED),
        ({"old": ("a",)}, State.SAME),
        ({"old": ("a", "b")}, State.CHANGED),  # the configuration and the file contradict each other
        ({"vouched": True}, State.VOUCHED),
        ({"vouched": True, "old": ("b",)}, State.CHANGED),
        ({"old": ("a",), "expected": frozenset({"b"})}, State.UNEXPECTED),
        ({"vouched": True, "expected": frozenset({"b"})}, State.UNEXPECTED),
        ({"expected": frozenset({"a"}), "revoked": True}, State.REVOKED),
        ({"trouble": InputError("x")}, State.UNREACHABLE),
    ],
    ids=str,
)
def test_states(more: dict[str, object], state: State) -> None:
    assert Value("h", Kind.CERTIFICATE, "h", 443, "a", **more).state is state  # type: ignore[arg-type]
