"""The image the next boot would start, put together from the ``--rebooting-image`` commands."""

from __future__ import annotations

from typing import Any

from auditor.domain.image import BaseImage, ImageProfile, Vib
from auditor.domain.observation import Read, Reading, Reason, StagedImage, Unread, value_of
from auditor.domain.readings import base_image, profile, vibs
from auditor.domain.readings.reading import EsxcliRun, HostReading, structure


def combine(
    pending: Reading[ImageProfile | None], listed: Reading[tuple[Vib, ...]], base: Reading[BaseImage]
) -> Reading[StagedImage | None]:
    """Read as None when the host says that nothing is staged.

    The profile decides. Where it could not be read the VIB list does: it is empty when nothing is staged. When the two
    contradict each other, neither is believed. The base image is only added to what the others found: it is not known
    what its command prints when nothing is staged. A staged image without VIBs means that they could not be read, since no
    image is without any.
    """
    if isinstance(pending, Unread):
        if isinstance(listed, Unread):
            tried = [
                each for each in (pending, listed, base) if isinstance(each, Read) or each.reason is not Reason.NOT_ATTEMPTED
            ]
            if tried == [base] and isinstance(base, Read):  # a recorded output of the third command alone
                return Read(StagedImage(base_image=base.value))
            return next((each for each in tried if isinstance(each, Unread)), pending)
        return Read(StagedImage(base_image=value_of(base), vibs=listed.value) if listed.value else None)
    if pending.value is None:
        if value_of(listed):
            return Unread(Reason.UNREADABLE, "the host says that no image profile is pending, but lists VIBs of a staged image")
        return Read(None)
    return Read(StagedImage(pending.value.name, value_of(base), value_of(listed) or ()))


def _over_api(run: EsxcliRun) -> Reading[StagedImage | None]:
    """The ``--rebooting-image`` forms. Without a pending profile the others are not asked."""
    found = structure(run("software profile", "get", rebooting=True), "software profile get --rebooting-image")
    pending = found if isinstance(found, Unread) else profile.rebooting_from_fields(found.value)
    if isinstance(pending, Unread) or pending.value is None:
        return combine(pending, _NOT_ASKED, _NOT_ASKED)
    rows = run("software vib", "list", rebooting=True)
    base = structure(run("software baseimage", "get", rebooting=True), "software baseimage get --rebooting-image")
    return combine(
        pending,
        rows if isinstance(rows, Unread) else vibs.from_rows(rows.value, command=vibs.REBOOTING),
        base if isinstance(base, Unread) else base_image.from_fields(base.value, command=base_image.REBOOTING),
    )


_NOT_ASKED = Unread(Reason.NOT_ATTEMPTED, "nothing is known to be staged")


def _plain(staged: StagedImage | None) -> dict[str, Any] | None:
    if staged is None:
        return None
    base = staged.base_image.version.raw if staged.base_image else None
    return {"profile": staged.profile, "base_image": base, "vibs": vibs.plain(staged.vibs)}


READING = HostReading(
    "staged",
    "staged image",
    (profile.REBOOTING, vibs.REBOOTING, base_image.REBOOTING),
    lambda answers: combine(
        profile.parse_rebooting(answers[profile.REBOOTING.name]),
        vibs.parse_rebooting(answers[vibs.REBOOTING.name]),
        base_image.parse(answers[base_image.REBOOTING.name], base_image.REBOOTING),
    ),
    _plain,
    _over_api,
    never_silent=((profile.REBOOTING, profile.COMMAND), (vibs.REBOOTING, vibs.COMMAND)),
)
