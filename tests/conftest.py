"""What every test process starts from, whatever started it."""

import os
import signal

from hypothesis import settings

# How long an example takes is the machine's mood; and CI tries the same examples every time, so that it fails for a change.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

# A shell's background job and nohup ignore these, and what is ignored stays so in every command a test runs.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
