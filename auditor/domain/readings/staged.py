"""The image the next boot would start, put together from the ``--rebooting-image`` commands."""

from __future__ import annotations

from auditor.domain.image import BaseImage, ImageProfile, Vib
from auditor.domain.observation import Read, Reading, Reason, StagedImage, Unread, value_of


def combine(
    profile: Reading[ImageProfile | None], vibs: Reading[tuple[Vib, ...]], base_image: Reading[BaseImage]
) -> Reading[StagedImage | None]:
    """Read as None when the host says that nothing is staged.

    The profile decides. Where it could not be read the VIB list does: it is empty when nothing is staged. When the two
    contradict each other, neither is believed. The base image is only added to what the others found: it is not known
    what its command prints when nothing is staged. A staged image without VIBs means that they could not be read, since no
    image is without any.
    """
    if isinstance(profile, Unread):
        if isinstance(vibs, Unread):
            return profile
        return Read(StagedImage(base_image=value_of(base_image), vibs=vibs.value) if vibs.value else None)
    if profile.value is None:
        if value_of(vibs):
            return Unread(Reason.UNREADABLE, "the host says that no image profile is pending, but lists VIBs of a staged image")
        return Read(None)
    return Read(StagedImage(profile.value.name, value_of(base_image), value_of(vibs) or ()))
