"""What usually stands behind one layer's difference, with the article or page it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.domain.assessment import Layer, LayerDrift, LayerState
from auditor.domain.drift import REMOVED


@dataclass(frozen=True, slots=True)
class Cause:
    """The usual or likely cause in a sentence or half of one, and what says so."""

    text: str
    rests_on: tuple[str, ...] = ()


_STATUSES = "vSphere Lifecycle Manager guide, compliance statuses"
_REMOVED = "vmware-vcenter SDK: ImageCustomizationAction REMOVED (8.0.3)"

_CAUSES: dict[tuple[Layer, LayerState], Cause] = {
    (Layer.BASE_IMAGE, LayerState.HOST_AHEAD): Cause("the image is older than the host; vLCM never goes down", ("KB 424858",)),
    (Layer.BASE_IMAGE, LayerState.HOST_BEHIND): Cause("the host was not remediated since the image was raised", (_STATUSES,)),
    (Layer.ADD_ON, LayerState.HOST_AHEAD): Cause("the host has a newer add-on than the image names", ("KB 440252",)),
    (Layer.ADD_ON, LayerState.HOST_BEHIND): Cause("the host was not remediated since the add-on was raised", (_STATUSES,)),
    (Layer.ADD_ON, LayerState.EXTRA): Cause("the host was installed from a vendor's media, the image is plain", ("KB 426665",)),
    (Layer.ADD_ON, LayerState.DIFFERENT): Cause("host and image have different add-ons", ("KB 440252", "KB 426665")),
    (Layer.COMPONENT, LayerState.HOST_AHEAD): Cause("the host has a newer driver or component", ("KB 320562", "KB 440252")),
    (Layer.COMPONENT, LayerState.DIFFERENT): Cause("the host has another version of it", ("KB 320562", "KB 440252")),
    (Layer.COMPONENT, LayerState.EXTRA): Cause("installed on the host beside the image", (_STATUSES, "KB 320562")),
    (Layer.COMPONENT, LayerState.MISSING): Cause("the host was not remediated since the image names it", (_STATUSES,)),
    (Layer.SOLUTION, LayerState.MISSING): Cause("its manager cannot install it while image and hosts differ", ("KB 406075",)),
    (Layer.SOLUTION, LayerState.DIFFERENT): Cause(
        "the host has another version than the solution's manager offers", ("KB 435316", "KB 406075")
    ),
    (Layer.HARDWARE_SUPPORT, LayerState.DIFFERENT): Cause("firmware differs from the hardware support package", (_STATUSES,)),
}


def cause_of(layer: LayerDrift) -> Cause | None:
    """The usual cause of one layer's difference; None where nothing differs or nothing is known."""
    if layer.layer is Layer.COMPONENT and layer.state is LayerState.EXTRA and layer.desired == REMOVED:
        return Cause(
            "the image takes it out; the host was not remediated since, or is older than 8.0.3", (_REMOVED, "KB 408847")
        )
    return _CAUSES.get((layer.layer, layer.state))


__all__ = ["Cause", "cause_of"]
