"""Reading scenario files: what they mean, and what is said when something is wrong in one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.lab.play import Play
from auditor.lab.scenario import VCENTER, Place, Verb
from auditor.lab.scenario_file import load
from auditor.lab.scenario_text import shipped, source

SMALL = """
title = "Small"
[vcenter]
version = "8.0.3"
[image.old]
base_image = "8.0.3-0.60.24585383"
[image.new]
base_image = "8.0.3-0.70.24674464"
[[cluster]]
name = "One"
hosts = 4
image = "old"
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return str(path)


def refused(folder: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(write(folder, text))
    assert caught.value.where.endswith("mine.toml")
    return caught.value


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_loads_says_what_it_is_and_what_must_be_found(name: str) -> None:
    scenario = load(name)
    assert scenario.title
    assert scenario.story
    assert scenario.expected is not None
    assert (scenario.expected.exit == 0) == (not scenario.expected.findings)


@pytest.mark.parametrize("name", shipped())
def test_the_past_of_a_shipped_scenario_can_happen_and_ends_now(name: str) -> None:
    play = Play(load(name, hosts=64 if name == "thousand" else None))
    told: list[str] = []
    play.past(lambda: None, told.append)
    play.break_things()
    assert len(told) == len(play.scenario.past)
    assert abs(play.clock.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)


def test_a_count_makes_hosts_with_names_after_the_cluster(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, SMALL.replace('"One"', '"Big One"')))
    assert scenario.clusters[0].hosts[0] == "big-one-01.lab.example"
    assert len(scenario.clusters[0].hosts) == 4


def test_given_names_are_kept_and_get_the_domain_only_where_they_have_none(tmp_path: Path) -> None:
    scenario = load(write(tmp_path, SMALL.replace("hosts = 4", 'hosts = ["Alpha", "beta.example.org"]')))
    assert scenario.clusters[0].hosts == ("alpha.lab.example", "beta.example.org")


def test_many_clusters_share_their_hosts_evenly() -> None:
    scenario = load("thousand")
    sizes = [len(cluster.hosts) for cluster in scenario.clusters]
    assert (len(sizes), sum(sizes), set(sizes)) == (32, 1000, {31, 32})


@pytest.mark.parametrize("wanted", [32, 100, 2000])
def test_a_scenario_can_be_made_smaller_or_larger(wanted: int) -> None:
    scenario = load("thousand", hosts=wanted)
    assert sum(len(cluster.hosts) for cluster in scenario.clusters) == wanted
    assert len(scenario.clusters) == 32


def test_another_vcenter_version_can_be_asked_for() -> None:
    assert load("steady", version="9.1").version == "9.1"
    with pytest.raises(InputError, match=r"vcenter\.version.*6\.5"):
        load("steady", version="6.5")


def test_a_scenario_can_be_another_ones_without_some_of_its_past() -> None:
    base, derived = load("post-restore"), load("first-run-after-restore")
    assert [e.verb for e in derived.past] == [e.verb for e in base.past if e.verb is not Verb.SNAPSHOT]
    assert [e.ago for e in derived.past] == [e.ago for e in base.past if e.verb is not Verb.SNAPSHOT]
    assert derived.title != base.title
    assert derived.clusters == base.clusters


def test_an_event_without_a_time_happens_when_the_one_before_did(tmp_path: Path) -> None:
    past = '[[past]]\ndo = "backup"\nago = "2d"\n[[past]]\ndo = "restore"\n[[past]]\ndo = "snapshot"\n[[past]]\ndo = "backup"\n'
    assert [e.ago for e in load(write(tmp_path, SMALL + past)).past] == [dt.timedelta(days=n) for n in (2, 2, 0, 0)]


def test_a_part_of_a_cluster_is_its_first_hosts(tmp_path: Path) -> None:
    past = '[[past]]\ndo = "remediate"\ncluster = "one"\npart = 0.5\n'
    [event] = load(write(tmp_path, SMALL + past)).past
    assert event.clusters == ("One",)
    assert event.hosts == ("one-01.lab.example", "one-02.lab.example")
    assert str(event) == "30 days ago: remediate on One (one-01, one-02)"


def test_expected_subjects_are_full_names(tmp_path: Path) -> None:
    text = SMALL + '[expect]\nexit = 4\nfindings = { "host-unseen" = ["one-*2"], "restore-detected" = ["lab"] }\n'
    expected = load(write(tmp_path, text)).expected
    assert expected is not None
    assert expected.findings == {("host-unseen", "one-02.lab.example"), ("restore-detected", VCENTER)}


def test_hosts_outside_have_a_place(tmp_path: Path) -> None:
    text = SMALL + '[[host]]\nname = "solo"\nimage = "new"\nplace = "outside"\n'
    play = Play(load(write(tmp_path, text)))
    assert [host.name for host in play.outside] == ["solo.lab.example"]
    assert play.scenario.hosts[0].place is Place.OUTSIDE
    assert "solo.lab.example" not in play.vcenter.hosts


def test_an_unknown_name_lists_the_shipped_scenarios() -> None:
    with pytest.raises(InputError) as caught:
        load("stedy")
    assert "steady" in caught.value.hint


def test_the_text_of_a_shipped_scenario_can_be_had() -> None:
    assert 'title = "' in source("steady")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError) as caught:
        load("/nowhere/at/all.toml")
    assert caught.value.where == "/nowhere/at/all.toml"


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        (
            "[[cluster]]\nname = 'Two'\nhosts = 2\nimage = 'lost'\n",
            "cluster[1].image: there is no image 'lost'; there are: old, new",
        ),
        ("[[cluster]]\nname = 'ONE'\nhosts = 2\nimage = 'old'\n", "two clusters are called 'one'"),
        ("[[cluster]]\nname = 'Two'\nhosts = ['one-01']\nimage = 'old'\n", "two hosts are called 'one-01.lab.example'"),
        ("[[cluster]]\nname = 'Two'\nhosts = 0\nimage = 'old'\n", "cluster[1].hosts: must be at least 1"),
        ("[[cluster]]\nname = 'Two'\nhosts = 99999\nimage = 'old'\n", "cluster[1].hosts: must be at most 10000"),
        ("[[past]]\ndo = 'explode'\n", "past[0].do: 'explode' is not one of"),
        ("[[past]]\ndo = 'scan'\n", "past[0]: scan needs the key 'cluster'"),
        ("[[past]]\ndo = 'scan'\ncluster = 'Two'\n", "past[0].cluster: Two fits no cluster"),
        ("[[past]]\ndo = 'backup'\ncluster = 'One'\n", "past[0]: backup takes no key 'cluster'"),
        ("[[past]]\ndo = 'restore'\n", "past[0]: restore without a backup before it"),
        ("[[past]]\ndo = 'backup'\nago = 'long'\n", "past[0].ago: is not a time span"),
        ("[[past]]\ndo = 'backup'\nago = '90d'\n", "past[0].ago: longer ago than what comes before it"),
        ("[[past]]\ndo = 'snapshot'\nago = '3d'\n", "past[0].ago: a snapshot tells the real time"),
        ("[[past]]\ndo = 'snapshot'\n[[past]]\ndo = 'backup'\nago = '1d'\n", "past[1].ago: a snapshot tells the real time"),
        ("[[past]]\ndo = 'stage'\nhosts = ['two-*']\nimage = 'new'\n", "past[0].hosts: two-* fits no host"),
        ("[[past]]\ndo = 'change-setting'\nhosts = ['one-01']\nsetting = 'ntp'\n", "change-setting needs the key 'value'"),
        (
            "[[past]]\ndo = 'change-setting'\nhosts = ['one-01']\nsetting = 'mood'\nvalue = 'good'\n",
            "past[0]: there is no setting 'mood'",
        ),
        (
            "[[past]]\ndo = 'change-setting'\nhosts = ['one-01']\nsetting = 'vlan'\nvalue = 'ten'\n",
            "past[0]: vlan: not a value it can have: 'ten'",
        ),
        ("[[past]]\ndo = 'remediate'\ncluster = 'One'\npart = 1.5\n", "past[0].part: must be at most 1"),
        ("[[past]]\ndo = 'remediate'\ncluster = 'One'\npart = 0.5\nhosts = ['one-01']\n", "part and hosts exclude each other"),
        ("[[fault]]\nhosts = ['one-01']\nssh = 'sulk'\n", "fault[0].ssh: 'sulk' is not one of"),
        ("[[fault]]\nhosts = ['one-01']\nssh_leads_to = 'two-01'\n", "fault[0].ssh_leads_to: two-01 fits no host"),
        ("[[fault]]\nhosts = ['one-01']\nssh_leads_to = 'one-*'\n", "fault[0].ssh_leads_to: an address leads to one host"),
        ("[[fault]]\nhosts = ['one-01']\n[fault.commands.vmware]\nsulk = 1\n", "fault[0]: unknown command fault sulk"),
        ("[image.odd]\nbase_image = 'eight'\n", "image:"),
        ("[image.odd]\nbase_image = '8.0.3-0.70.24674464'\nadd_on = { name = 'ACME', version = '1' }\n", "no add-on ACME 1"),
        ("[image.odd]\nbase_image = '8.0.3-0.70.24674464'\n[image.odd.components]\nACME = '1'\n", "component ACME 1"),
        ("[expect]\nexit = 0\nfindings = { 'host-lost' = ['One'] }\n", "expect.findings: there is no code 'host-lost'"),
        (
            "[expect]\nexit = 0\nfindings = { 'host-ahead' = ['Two'] }\n",
            "expect.findings.host-ahead: Two fits no cluster or host",
        ),
        ("surprise = 1\n", "unknown key 'surprise'"),
        ("[[host]\n", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, addition: str, said: str) -> None:
    # A plain key must stand before the first table.
    text = addition + SMALL if addition.startswith("surprise") else SMALL + addition
    assert said in refused(tmp_path, text).what


def test_a_base_that_is_not_shipped_is_refused(tmp_path: Path) -> None:
    assert "there is no shipped scenario 'mine'" in refused(tmp_path, 'title = "x"\nbased_on = "mine"\n').what
