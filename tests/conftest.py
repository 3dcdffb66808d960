"""What every test process starts from, whatever started it."""

import signal

# A shell's background job and nohup ignore these, and what is ignored stays so in every command a test runs.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
