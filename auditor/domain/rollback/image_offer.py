"""The command that proposes the image of a cluster anew, when its hosts went back: else a remediation updates them again."""

from __future__ import annotations

import shlex


def image_command(cluster: str, vcenter: str, host: str) -> str:
    """What to type when every host of the cluster is back. Naming one of them is what allows an older image than the present
    one; while other hosts still run that, the proposal is refused, since vLCM takes no host down."""
    where = ("--vcenter", vcenter) if vcenter else ()
    return shlex.join(("auditor", "propose", cluster, *where, "--from-host", host))


__all__ = ["image_command"]
