"""Going back to the image in the other boot bank: what is known, what may be done, what was done. Pure values and rules.

    bank        what was read of a host's banks          window      whether there is a way back, and why not
    judge, rules  how the window is judged                  arm         the one byte that Shift+R changes
    compare     what would change besides the build
    change      how a window moved between two looks     gates       what must hold before a host is touched
    plan        who goes back, in which order            approval    the second pair of eyes
    journal     what was intended and what came of it    machine     what to do next, from journal and a fresh look
    look        a host beside its plan, amid the work    decision    what the machine says
    returned    whether a host that came up is well      status      what the journal says of an operation

Nothing here opens anything or asks a clock. A wrong write to a bank leaves a host that does not boot, so every rule that
is not certain gives "unknown", and unknown is never a yes.
"""
