"""How this tool was installed, for advice that fits: what is missing comes from where the tool itself came from."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "vcenter-drift-auditor"


def advice(extra: str) -> str:
    """How to add the optional part ``extra`` to this installation, by what the installer wrote down (INSTALLER and
    direct_url.json, both from the packaging specifications). Never a command that asks a package index for us."""
    try:
        found = distribution(NAME)
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        installer = (found.read_text("INSTALLER") or "").strip()
    except (PackageNotFoundError, ValueError):
        origin, installer = {}, ""
    url = urlsplit(str(origin.get("url", "")))
    if url.scheme == "file":
        source = f"{unquote(url.path)}[{extra}]"
        if (Path(sys.prefix) / "pipx_metadata.json").is_file():
            return f"pipx install --force '{source}'"
        editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
        return f"{sys.executable} -m pip install {editable}'{source}'"
    if installer in {"", "pip", "uv"}:
        return f"install auditor again with its extra {extra!r}, from where you have it; the wheelhouse's INSTALL.txt does that"
    return f"auditor came with {installer}: install its part {extra!r} with that"


__all__ = ["advice"]
