"""vLCM's remediation policies of a cluster, as far as anything here asks: those in force."""

from __future__ import annotations

from typing import Any

from com.vmware.esx.settings.clusters import policies_client
from com.vmware.esx.settings.clusters.policies import apply_client

from auditor.lab.faces.vlcm import VlcmService


class EffectivePolicy(VlcmService):
    """`com.vmware.esx.settings.clusters.policies.apply.effective`."""

    stub = apply_client.Effective

    def get(self, cluster: str) -> Any:
        """vLCM's defaults, and the settings of Configuration Profiles where this version has them."""
        found = self.find_cluster(cluster)
        kinds = apply_client.Effective
        numbers = self.vcenter.release.numbers
        profiles = None
        if numbers >= (8, 0, 3):
            profiles = policies_client.ConfigManagerPolicySpec(
                serial_remediation=False, auto_remediate_on_host_add=found.auto_remediate if numbers >= (9, 1) else None
            )
        return kinds.EffectivePolicySpec(
            failure_action=kinds.FailureAction(action=kinds.FailureAction.Action.RETRY, retry_delay=300, retry_count=3),
            pre_remediation_power_action=kinds.EffectivePolicySpec.PreRemediationPowerAction.DO_NOT_CHANGE_VMS_POWER_STATE,
            enable_quick_boot=False,
            disable_dpm=True,
            disable_hac=False,
            evacuate_offline_vms=False,
            config_manager_policy_spec=profiles,
        )
