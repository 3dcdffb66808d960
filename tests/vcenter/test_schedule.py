"""Scheduled tasks and the remediation policy, asked of the simulated vCenter; the forms of schedules by pyVmomi's own types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyVmomi import vim

from auditor.domain.observation import Read, Reason, Unread
from auditor.lab.vcenter.faults import Fault, FaultKind
from auditor.vcenter.schedule import _schedule
from tests.vcenter.conftest import Silence
from tests.vcenter.test_images import Make, cluster_id, make

__all__ = ["make"]

AT = datetime(2026, 4, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("version", ["7.0.3", "8.0.3", "9.1"])
def test_a_scheduled_remediation_is_read_with_time_and_author(make: Make, version: str) -> None:
    server, reader = make(version)
    cluster = cluster_id(server)
    at = (server.vcenter.clock() + timedelta(days=1)).replace(microsecond=0)
    id_ = server.vcenter.schedule("prod", at, user="carol@lab.example")
    found = reader.extras(cluster).scheduled
    assert isinstance(found, Read)
    [task] = found.value
    assert (task.id, task.entity, task.entity_kind) == (id_, cluster, "ClusterComputeResource")
    assert (task.user, task.next_run, task.enabled) == ("carol@lab.example", at, True)
    assert task.remediates
    assert task.schedule == f"once at {at:%Y-%m-%d %H:%M}Z"


def test_no_scheduled_task_is_an_answer(make: Make) -> None:
    server, reader = make("8.0.3")
    assert reader.extras(cluster_id(server)).scheduled == Read(())


def test_one_question_for_all_clusters_and_a_new_one_with_each_view(make: Make, progress: Silence) -> None:
    server, reader = make("8.0.3")
    for _ in range(3):
        reader.extras(cluster_id(server))
    asked = [call for call in server.vcenter.calls.all() if call.operation == "RetrieveEntityScheduledTask"]
    assert len(asked) == 1
    server.vcenter.schedule("prod", AT)
    reader.view(progress)
    assert len(reader.extras(cluster_id(server)).scheduled.value) == 1  # type: ignore[union-attr]


def test_what_is_refused_is_unread_and_not_nothing(make: Make) -> None:
    server, reader = make("9.1")
    server.vcenter.schedule("prod", AT)
    server.vcenter.faults.add(Fault("RetrieveEntityScheduledTask", FaultKind.ERROR))
    server.vcenter.faults.add(
        Fault("com.vmware.esx.settings.clusters.policies.apply.effective.get", FaultKind.ERROR, error="Unauthorized")
    )
    extras = reader.extras(cluster_id(server))
    assert isinstance(extras.scheduled, Unread)
    assert isinstance(extras.auto_remediation, Unread)
    assert (extras.scheduled.reason.is_gap, extras.auto_remediation.reason) == (True, Reason.DENIED)


def test_auto_remediation_is_a_setting_of_9_1(make: Make) -> None:
    server, reader = make("9.1")
    cluster = cluster_id(server)
    assert reader.extras(cluster).auto_remediation == Read(False)
    server.vcenter.database.clusters[cluster].auto_remediate = True
    assert reader.extras(cluster).auto_remediation == Read(True)
    older, before = make("8.0.3")
    found = before.extras(cluster_id(older)).auto_remediation
    assert isinstance(found, Unread)
    assert found.reason is Reason.NOT_SUPPORTED


KINDS = vim.scheduler


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (KINDS.OnceTaskScheduler(runAt=AT), "once at 2026-04-01 02:00Z"),
        (KINDS.AfterStartupTaskScheduler(minute=5), "5 minutes after vCenter starts"),
        (KINDS.HourlyTaskScheduler(interval=2, minute=7), "every 2 hours at minute 7"),
        (KINDS.DailyTaskScheduler(interval=1, hour=2, minute=30), "every day at 02:30"),
        (
            KINDS.WeeklyTaskScheduler(
                interval=1, hour=22, minute=0, sunday=True, monday=False, tuesday=False, wednesday=True, thursday=False,
                friday=False, saturday=False,
            ),
            "every week on wednesday, sunday at 22:00",
        ),
        (KINDS.MonthlyByDayTaskScheduler(interval=3, hour=1, minute=0, day=4), "every 3 months at 01:00"),
    ],
)  # fmt: skip
def test_schedules_in_words(scheduler: object, words: str) -> None:
    assert _schedule(scheduler) == words
