"""The gates before a rollback: each passes, fails or is unknown, with evidence and the page it rests on, and, where it is
unknown, with what a person can do to settle it.

Unknown counts as fail until a person overrides that gate by name, with a reason, which is recorded. A fail stays a fail,
except for the few gates whose fail costs something but does not endanger the host: those can be accepted the same way. The
window and the era can be neither: nobody's reason puts an image into a bank.

    gate        what a gate is: its name, its verdict, a person's override
    answer      how one reading becomes a gate's answer
    host        the machine, its two banks and its next boot      cluster      VMs, DRS, HA, vSAN and the cluster's image
    security    what can keep the older image from starting       way_back_in  what comes back with its configuration
    evaluate    all of them on one host                           settle       what a person does about an unknown
"""
