"""Every command a user can type, at the wire: what the simulated vCenter received must be allowed for that verb, and nothing
may have been done to a host. The commands run as a user runs them: as processes, with a configuration file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from auditor.cli.main import cli
from auditor.lab.running import Running, running
from auditor.lab.scenario_file import load
from tests.wire.judging import COMMITS, DRY_RUN, READS, Key, effect_of, forbidden

SCENARIOS = ("post-restore", "vcenter-703", "vcenter-91")

READ_VERBS: dict[str, tuple[str, ...]] = {
    "snapshot": ("snapshot",),
    "audit": ("audit",),
    "propose": ("propose", "--all", "--out", "{folder}/proposals"),
    "export image": ("export", "image", "{cluster}", "--live"),
    "depot gap": ("depot", "gap", "{cluster}"),
    "rollback window": ("rollback", "window"),
    "hosts list": ("hosts", "list"),
    "config check": ("config", "check"),
}
"""The verbs that only read, each with the command line that makes it look at everything."""

ELSEWHERE = {
    "config init": "writes a file",
    "hosts trust": "fetches SSH host keys",
    "hosts show": "reads the history",
    "depot inspect": "reads files",
    "banks predict": "reads files",
    "read": "reads files",
    "rollback events": "reads the history",
    "history *": "reads and tidies the history",
    "runbook *": "prints text",
    "lab *": "is the simulation itself",
}
"""Verbs that talk to no vCenter; they are run as well where they can be, with nothing allowed at all."""

WRITE_VERBS = {
    "apply": "TestApply below",
    "depot import": "tests/wire/test_editors.py holds its adapter against IMPORTS",
    "export iso": "the same, against COMPUTES",
    "export bundle": "the same, against COMPUTES",
    "backup": "the same adapter as a rollback's, held against the same list",
    "rollback *": "tests of the rollback hold it against its own list",
}


def commands(command: click.Command, name: str = "") -> Iterator[str]:
    """Every command below ``command`` by its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from commands(found, f"{name} {each}".strip())
    else:
        yield name


def listed(name: str) -> bool:
    group = f"{name.partition(' ')[0]} *"
    return any(name in table or group in table for table in (READ_VERBS, ELSEWHERE, WRITE_VERBS))


def test_every_command_is_accounted_for() -> None:
    assert [name for name in commands(cli) if not listed(name)] == []


def test_every_name_in_these_tables_is_a_command() -> None:
    there = [*commands(cli)]
    there += [f"{name.partition(' ')[0]} *" for name in there if " " in name]
    assert [name for table in (READ_VERBS, ELSEWHERE, WRITE_VERBS) for name in table if name not in there] == []


@dataclass
class Stage:
    """A lab with commands run against it."""

    lab: Running
    folder: Path

    def run(self, words: tuple[str, ...], code: set[int]) -> str:
        cluster = self.lab.play.scenario.clusters[0].name
        filled = [word.format(folder=self.folder, cluster=cluster) for word in words]
        environment = os.environ | self.lab.workspace.environment
        done = subprocess.run(
            [str(self.lab.workspace.path / "bin" / "auditor"), *filled],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in code, f"{filled}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"verbs-{name}")) for name in SCENARIOS]
)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(load(request.param)) as lab:
        yield Stage(lab, tmp_path_factory.mktemp("work"))


@pytest.mark.parametrize("verb", READ_VERBS)
def test_a_read_verb_only_reads(stage: Stage, verb: str) -> None:
    vcenter = stage.lab.play.vcenter
    vcenter.calls.clear()
    before = {name: host.state_digest() for name, host in stage.lab.play.hosts.items()}
    acts = {name: list(host.acts) for name, host in stage.lab.play.hosts.items()}
    drafts, commits, depots = dict(vcenter.database.drafts), vcenter.database.last_commit, dict(vcenter.database.offline)
    stage.run(READ_VERBS[verb], {0, 3, 4, 5})  # 5: a proposal that could not be applied
    kinds = vcenter.calls.kinds()
    assert forbidden(kinds, READS) == {}
    if verb in {"snapshot", "audit", "propose", "export image", "depot gap"}:
        assert kinds, "the verb was seen to ask vCenter"
    assert {name: host.state_digest() for name, host in stage.lab.play.hosts.items()} == before
    assert {name: host.acts for name, host in stage.lab.play.hosts.items()} == acts
    assert (vcenter.database.drafts, vcenter.database.last_commit, vcenter.database.offline) == (drafts, commits, depots)
    assert vcenter.tasks.all() == [], "no task was started"


@pytest.mark.parametrize("words", [("rollback", "events"), ("history", "runs"), ("runbook", "--help"), ("depot", "--help")])
def test_other_verbs_ask_vcenter_nothing(stage: Stage, words: tuple[str, ...]) -> None:
    stage.lab.play.vcenter.calls.clear()
    stage.run(words, {0, 3, 4})
    assert stage.lab.play.vcenter.calls.all() == []


@pytest.fixture(scope="class")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(load("post-restore")) as lab:
        yield Stage(lab, tmp_path_factory.mktemp("apply"))


class TestApply:
    """The one command that changes a cluster's image, dry and for good."""

    def apply(self, stage: Stage, cluster: str, *more: str) -> set[Key]:
        out = stage.folder / f"proposals-{len(more)}"
        stage.run(("propose", cluster, "--out", str(out)), {0, 3, 4})
        (proposal,) = [path for path in out.iterdir() if path.name.endswith(".proposal.json") and "inverse" not in path.name]
        stage.lab.play.vcenter.calls.clear()
        before = {name: host.state_digest() for name, host in stage.lab.play.hosts.items()}
        stage.run(("apply", str(proposal), *more), {0})
        assert {name: host.state_digest() for name, host in stage.lab.play.hosts.items()} == before
        assert stage.lab.play.vcenter.database.drafts == {}, "its draft is gone either way"
        return stage.lab.play.vcenter.calls.kinds()

    def test_dry(self, ahead: Stage) -> None:
        commits = ahead.lab.play.vcenter.database.last_commit
        kinds = self.apply(ahead, "Virtual Desktops")
        assert forbidden(kinds, DRY_RUN) == {}
        assert "draft-write" in {effect_of(key) for key in kinds}
        assert ahead.lab.play.vcenter.database.last_commit == commits

    def test_for_good(self, ahead: Stage) -> None:
        kinds = self.apply(ahead, "Virtual Desktops", "--execute", "--ticket", "CHG-1")
        assert forbidden(kinds, COMMITS) == {}
        assert "commit" in {effect_of(key) for key in kinds}
        cluster = ahead.lab.play.vcenter.cluster("Virtual Desktops")
        assert cluster.commit is not None
        assert "CHG-1" in cluster.commit.message
        assert cluster.scan is not None
        assert cluster.scan.status == "COMPLIANT"

    def test_a_composite_image_part_by_part(self, tmp_path: Path) -> None:
        with running(load("composite")) as lab:
            kinds = self.apply(Stage(lab, tmp_path), "AI", "--execute", "--ticket", "CHG-1")
            assert forbidden(kinds, COMMITS) == {}
            services = {service for _, service, operation in kinds if operation in {"set", "update"}}
            assert any(".alternative_images.software.add_on" in service for service in services)
            assert not any(operation == "import_software_spec" for _, _, operation in kinds)
