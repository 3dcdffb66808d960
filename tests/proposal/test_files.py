"""A proposal on disk: whole, private, believed only as it was written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.domain.proposal.propose import propose
from auditor.domain.proposal.values import ImageProposal
from auditor.errors import AuditorError, InputError, RefusedError
from auditor.workflows.proposal_file import MAX_SIZE, file_name, proposal_document, read_proposal, write_proposal
from tests.proposal.loading import HERE, case_of, load


@pytest.fixture
def proposal() -> ImageProposal:
    return propose(case_of(load(HERE / "mixed")[0]))


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.usefixtures("no_umask")
def test_it_comes_back_as_it_went_and_is_private(proposal: ImageProposal, tmp_path: Path) -> None:
    path = write_proposal(tmp_path / "a" / "b", proposal)
    assert read_proposal(path) == proposal
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert write_proposal(path.parent, proposal) == path


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["facts"][0].update(value="x"),
        lambda d: d["facts"].pop(),
        lambda d: d["chosen"]["target"].update(spec='{"base_image":{"version":"8.0.3-0.35.24280767"}}'),
        lambda d: d["chosen"]["target"]["base_image"].update(version="8.0.3-0.35.24280767"),
        lambda d: d["chosen"]["target"]["components"].update(evil="1"),
        lambda d: d.update(chosen=None),
        lambda d: d.update(expires="2099-01-01T00:00:00Z"),
        lambda d: d.update(source="history" if d["source"] == "live" else "live"),
        lambda d: d["chosen"].update(kind="inverse"),
        lambda d: d["chosen"].update(also=[*d["chosen"]["also"], "host"]),
        lambda d: d.update(digest="0" * 64),
    ],
)
def test_an_edited_file_is_refused(proposal: ImageProposal, tmp_path: Path, change: Any) -> None:
    path = write_proposal(tmp_path, proposal)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(RefusedError, match="digest"):
        read_proposal(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": "auditor/proposal/v1"}', b'{"schema": "auditor/audit/v1"}', b"[" * 100_000],
)
def test_what_is_no_proposal_is_said_with_its_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_proposal(path)
    assert str(path) in str(caught.value)
    assert "auditor propose" in caught.value.hint


def test_values_that_fit_the_schema_and_mean_nothing_are_refused(proposal: ImageProposal, tmp_path: Path) -> None:
    path = write_proposal(tmp_path, proposal)
    data = json.loads(path.read_text())
    data["chosen"]["target"]["base_image"]["version"] = "soon"
    path.write_text(json.dumps(data))
    with pytest.raises(AuditorError):
        read_proposal(path)


def test_a_file_that_a_shell_changed_is_named_as_that(proposal: ImageProposal, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    text = json.dumps(proposal_document(proposal))
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        read_proposal(path)
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_proposal(path) == proposal


def test_a_file_that_is_too_large_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_proposal(path)
    with path.open("wb") as file:
        file.truncate(MAX_SIZE + 1)
    with pytest.raises(InputError, match="larger"):
        read_proposal(path)


def test_a_folder_that_is_a_file(proposal: ImageProposal, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_proposal(tmp_path / "f", proposal)


@pytest.mark.parametrize("cluster", ["../../etc", "a b/c", "", "\x1b[31m", "ä" * 300, "-rf", "."])
def test_names_from_vcenter_make_no_path(proposal: ImageProposal, tmp_path: Path, cluster: str) -> None:
    named = replace(proposal, cluster=cluster)
    name = file_name(named)
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("/ '\\")
    assert not name.startswith((".", "-"))
    assert write_proposal(tmp_path, named).parent == tmp_path
