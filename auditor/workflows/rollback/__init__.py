"""Rolling hosts back: plan, approve, run, resume.

    situation   everything the gates ask, from all routes        papers   plan, approval and operation as JSON
    planning    plan and approve                                 means    what a run is given to act with
    steps       what each step does to a host                    drive    one host: look, intend, act, read back, record
    checks      built-in checks and drop-in scripts              run      waves: run, resume, abort, disarm, confirm
    card        what the person at the console is told           log      one host's hand on the journal

A run decides nothing by itself: `auditor.domain.rollback.machine` does, from the journal and a fresh look.
"""
