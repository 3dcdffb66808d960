"""The simulated hosts' esxcli as the vSphere API offers it."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.lab.faces.esxcli import EsxcliAnswer
from auditor.lab.hosts.host import LabHost
from auditor.lab.programs.esxcli_commands import COMMANDS, Command, esxcli_rows
from auditor.lab.programs.esxcli_rows import EsxcliError

FORMATTERS = {words.replace(" ", "."): "table" if each.shape == "table" else "simple" for words, each in COMMANDS.items()}
"""Every command as the API names it, with the formatter its description hints at."""


def run_esxcli(host: LabHost, command: str, options: Mapping[str, str]) -> EsxcliAnswer:
    """Run a command such as `software.vib.list`. Options have the API's names, in lower case without dashes.

    Raises LookupError for a command there is not and RuntimeError with esxcli's message for one that fails.
    """
    words = command.replace(".", " ")
    known = COMMANDS[words]
    try:
        rows = esxcli_rows(host, " ".join([words, *_options(known, options)]))
    except EsxcliError as failed:
        raise RuntimeError(failed.text.strip()) from failed
    if known.shape == "text":
        return EsxcliAnswer("text", known.type_name, rows)
    # `vib get` describes each VIB there is, so its answer is a list although it is called get.
    single = words.endswith(" get") and words != "software vib get"
    return EsxcliAnswer("struct" if single else "list", known.type_name, rows)


def _options(known: Command, given: Mapping[str, str]) -> list[str]:
    names = {name.replace("-", ""): name for name in known.options}
    words = []
    for key, value in given.items():
        name = names.get(key.replace("-", "").lower())
        if name is None:
            raise RuntimeError(f"Invalid option {key}")
        if name != "rebooting-image":
            words.append(f"--{name}={value}")
        elif value == "true":
            words.append(f"--{name}")
    return words
