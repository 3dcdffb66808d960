"""No form of a secret survives, and a text without one stays as it is."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor import masking
from auditor.domain.observation import RAW_LIMIT, Reason, Unread, raw_start
from auditor.errors import ConnectError
from auditor.masking import MASK, masked, masked_bytes, masked_plain, masked_value, masked_words
from auditor.secrets import known

WEIRD = "Pä$$ \"w'ö\\rd/😀<&>+%"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What other tests revealed is put aside."""
    monkeypatch.setattr(masking, "_secrets", frozenset())
    monkeypatch.setattr(masking, "_found", None)
    masking._cached.cache_clear()
    yield
    masking._cached.cache_clear()


def forms(secret: str) -> dict[str, str]:
    """The ways in which peers and libraries write a text again, each by its standard library's own function."""
    data = secret.encode()
    found = {
        "plain": secret,
        "JSON": json.dumps(secret)[1:-1],
        "JSON, not ASCII": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON upper": "".join(f"\\u{unit:04X}" for unit in memoryview(secret.encode("utf-16-le")).cast("H")),
        "JSON in JSON": json.dumps(json.dumps(secret))[3:-3],
        "JSON with slashes": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "HTML": html.escape(secret),
        "HTML twice": html.escape(html.escape(secret)),
        "HTML decimal": "".join(f"&#{ord(char)};" for char in secret),
        "HTML hex": "".join(f"&#x{ord(char):X};" for char in secret),
        "XML": secret.encode("ascii", "xmlcharrefreplace").decode(),
        "URL": urllib.parse.quote(secret),
        "URL all": urllib.parse.quote(secret, safe=""),
        "URL plus": urllib.parse.quote_plus(secret),
        "URL lower": "".join(f"%{byte:02x}" for byte in data),
        "URL twice": urllib.parse.quote(urllib.parse.quote(secret)),
        "repr": repr(secret)[1:-1],
        "ascii": ascii(secret)[1:-1],
        "repr of bytes": repr(data)[2:-1],
        "hex": data.hex(),
        "as latin-1": data.decode("latin-1"),
    }
    for before in ("", "u", "us", "user:"):
        for after in ("", "x", "xy"):
            text = f"{before}{secret}{after}".encode()
            found[f"base64 {before} {after}"] = base64.b64encode(text).decode()
            found[f"base64 for URLs {before} {after}"] = base64.urlsafe_b64encode(text).decode()
    return found


@pytest.mark.parametrize(
    "secret", ["hunter2-Secret!", WEIRD, "correct horse  battery", "12345678", "zażółć gęślą", "K" + "x9" * 900]
)
def test_every_form_is_found(secret: str) -> None:
    masking.remember(secret)
    for name, form in forms(secret).items():
        shown = masked(f"<p>wrong: {form}</p>")
        assert MASK in shown, name
        assert form not in shown, name
        assert len(shown) < 40 + len(MASK) * (1 + len(secret) // 100), (name, shown)


# What a password is made of: any printable character, blanks inside only, since those at the ends are lost on the way.
_SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8, max_size=24)


@given(_SECRETS, st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_of_any_secret_survives(secret: str, before: str, after: str) -> None:
    masking.remember(secret)
    for name, form in forms(secret).items():
        if name.startswith("base64") and len(form) < 16:
            continue
        assert form not in masked(f"{before} {form} {after}"), name


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_without_a_secret_is_unchanged(text: str) -> None:
    masking.remember("Q7-never-drawn-Q7")
    assert masked(text) == text
    assert masked_words(text) == text
    assert masked_value(text) == text


def test_a_value_is_masked_as_a_whole_only() -> None:
    masking.remember("vmware")
    names = ["vmware-esx-tools", "VMware", "com.vmware.vim", "/usr/lib/vmware", "vmware.example.org", "esx.vmware:443"]
    assert masked_plain({"vmware": names}) == {"vmware": names}
    assert masked_plain(names) == names
    assert masked_plain(["vmware", " vmware ", "dm13YXJl"]) == [MASK, MASK, MASK]
    assert masked_words("the component vmware (vmware) differs from vmware-fdm") == (
        f"the component {MASK} ({MASK}) differs from vmware-fdm"
    )


def test_numbers_and_keys_stay() -> None:
    masking.remember("12345678")
    assert masked_plain({"12345678": 12345678, "build": "12345678"}) == {"12345678": 12345678, "build": MASK}


@pytest.mark.parametrize("word", ["timed-out", "unreachable", "vcenter"])
def test_our_own_words_are_understood_again(word: str) -> None:
    """Route, reason, state: whoever has such a password must still read the history."""
    masking.remember(word)
    assert masked_plain({"reason": word, "text": word}) == {"reason": word, "text": word}
    assert masked(f"login with {word}") == f"login with {MASK}"


def test_a_file_of_a_host_keeps_its_length_and_what_is_glued() -> None:
    for secret in ("vmware", "zażółć", "s3cret"):
        masking.remember(secret)
    file = b"bootstate=0\nmodules=vmware_e.v00 --- s.v00\nkernelopt=auth=s3cret pin=\xff\n" + "title=zażółć\n".encode()
    kept = masked_bytes(file)
    assert len(kept) == len(file)
    assert kept == file.replace(b"s3cret", b"******").replace("zażółć".encode(), b"*" * len("zażółć".encode()))
    assert masked_plain(["a\nkernelopt=s3cret\nmodules=vmware_e.v00"]) == [f"a\nkernelopt={MASK}\nmodules=vmware_e.v00"]


def test_short_secrets_are_left_alone_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert known("esx", "password of esx01").reveal() == "esx"
    assert masked("esx x esx01") == "esx x esx01"
    assert "the password of esx01 is too short to be masked" in caplog.text


def test_session_ids_are_masked_in_cookies_too() -> None:
    masking.remember_session('vmware_soap_session="52cf8f1e-0a77-11ee-be56-0242ac120002"; Path=/; HttpOnly; Secure;')
    masking.remember_session("b00db39f948d13ea1e59b4d6fce56389")
    said = "session 52cf8f1e-0a77-11ee-be56-0242ac120002 of vmware_soap_session, b00db39f948d13ea1e59b4d6fce56389; HttpOnly"
    assert masked(said) == f"session {MASK} of vmware_soap_session, {MASK}; HttpOnly"


def test_what_is_kept_is_masked_before_it_is_cut() -> None:
    masking.remember("hunter2-Secret!")
    raw = raw_start(b"." * (RAW_LIMIT - 5) + b"hunter2-Secret! and more")
    assert raw.startswith("." * (RAW_LIMIT - 5))
    assert "hunt" not in raw
    unread = Unread(Reason.FAILED, "it said hunter2-Secret!", "raw hunter2%2DSecret%21")
    assert "unter2" not in repr(unread)
    error = ConnectError("hunter2-Secret!", where="esx01", tried="hunter2-Secret!", hint="hunter2-Secret!")
    assert "unter2" not in str(error) + repr(error.args)


def test_a_text_without_a_secret_is_not_put_through_the_expressions() -> None:
    """By plain searches, as long as no letter is written in other words: the expressions take five times as long."""
    for secret in ("hunter2-Secret!", "Vmware1!", "correct horse", 'vC-$ecret "ü/1', "k3y-of-the-backups"):
        masking.remember(secret)
    text = 'Name  "Version"  Vendor VMW VMware-esx 8.0.3 &amp; %20 \\n\n' * 18_000
    assert masking._expressions(text) is None
    assert masked(text) == text
    assert masked(f"{text}hunter2-Secret!") == f"{text}{MASK}"
