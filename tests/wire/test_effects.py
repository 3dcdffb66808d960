"""The table of effects: complete, and in agreement with the lists the clients check against."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import com.vmware.esx
import pytest
from vmware.vapi.bindings.stub import VapiInterface

from auditor.vcenter.depot_editor import ADDING
from auditor.vcenter.editor import COMMITTING, DRY
from auditor.vcenter.exporter import EXPORTING
from auditor.vcenter.operations import effects, operations
from auditor.vcenter.tasks import allowed
from tests.wire import judging
from tests.wire.judging import EVERY, READS, effect_of, forbidden

KNOWN = EVERY | {
    "touches-hosts",
    "touches-vms",
    "mode-switch",
    "depot-remove",
    "depot-config",
    "desired-state",
    "assignment",
    "policy",
    "settings-write",
    "solution-write",
    "repository-write",
    "inventory-write",
}
NEVER = (
    "com.vmware.esx.settings.clusters.software.apply$task",
    "com.vmware.esx.settings.clusters.software.stage$task",
    "com.vmware.esx.settings.hosts.software.apply$task",
    "com.vmware.esx.settings.inventory.apply$task",
    "com.vmware.esx.settings.inventory.transition$task",
    "com.vmware.esx.settings.clusters.enablement.software.enable$task",
    "com.vmware.esx.settings.clusters.configuration.apply$task",
    "com.vmware.esx.settings.clusters.software.solutions.set$task",
    "com.vmware.esx.settings.depots.offline.delete",
    "com.vmware.esx.settings.depots.offline.delete$task",
    "com.vmware.esx.settings.depots.online.flush$task",
    "com.vmware.esx.settings.clusters.policies.apply.set",
)


def sdk_operations() -> Iterator[tuple[str, str]]:
    """Every operation below com.vmware.esx that the installed SDK has."""

    class NoConnector:
        connector = None

        @staticmethod
        def get_api_provider() -> None:
            return None

    from vmware.vapi.bindings.stub import StubConfiguration

    for found in pkgutil.walk_packages(com.vmware.esx.__path__, "com.vmware.esx."):
        if not found.name.endswith("_client"):
            continue
        module = importlib.import_module(found.name)
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, VapiInterface) and kind is not VapiInterface:
                stub = kind(StubConfiguration(NoConnector()))._api_interface
                yield from ((kind._VAPI_SERVICE_ID, operation) for operation in stub._operations)


def test_every_effect_has_a_known_name() -> None:
    assert set(effects().values()) <= KNOWN


def test_every_vlcm_operation_of_the_sdk_is_judged() -> None:
    names = {(service, operation) for service, operation in sdk_operations() if service.startswith("com.vmware.esx.")}
    assert len(names) > 300
    judged = {(service, operation) for protocol, service, operation in effects() if protocol == "vapi"}
    assert names - judged == set()


@pytest.mark.parametrize("table", ["operations.csv", "operations-apply.csv"])
def test_the_lists_agree_with_the_table(table: str) -> None:
    assert {key: each.effect for key, each in operations(table).items()} == {key: effects()[key] for key in operations(table)}


def test_the_reading_list_reads() -> None:
    assert {each.effect for each in operations().values()} == READS


@pytest.mark.parametrize("full", NEVER)
def test_what_must_never_be_called_is_on_no_list(full: str) -> None:
    service, _, operation = full.rpartition(".")
    key = ("vapi", service, operation)
    assert effects()[key] not in EVERY
    assert key not in operations()
    assert key not in operations("operations-apply.csv")


def test_each_object_that_writes_has_only_its_effects() -> None:
    assert {each.effect for each in allowed(DRY).values()} == judging.DRY_RUN
    assert {each.effect for each in allowed(COMMITTING).values()} == judging.COMMITS
    assert {each.effect for each in allowed(ADDING).values()} == judging.IMPORTS
    assert {each.effect for each in allowed(EXPORTING).values()} == judging.COMPUTES
    writes = {each.effect for each in operations("operations-apply.csv").values()} - judging.COMPUTES
    assert writes == {"draft-write", "commit", "depot-add"}


def test_a_call_the_table_does_not_have_is_forbidden() -> None:
    calls = [
        ("vapi", "com.vmware.new.service", "get"),
        ("soap", "HostSystem", "NewMethod"),
        ("http", "/new", "GET"),
        ("soap", "HostSystem", "RebootHost_Task"),
        ("soap", "ContainerView", "DestroyView"),
        ("soap", "HostSystem", "Fetch"),
    ]
    assert forbidden(calls, EVERY) == {
        calls[0]: "unknown",
        calls[1]: "unknown",
        calls[2]: "unknown",
        calls[3]: "touches-hosts",
    }
    assert effect_of(("soap", "ClusterComputeResource", "Destroy_Task")) == "touches-hosts"
