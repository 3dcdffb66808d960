"""The images a cluster could be raised to: found, ranked, explained, and written down with the facts they rest on.

Nothing here can change anything: a proposal is a value. ``values`` is what it says, ``facts`` what it rests on, ``candidates``
where images come from, ``forecast`` what each host would be called, ``warnings`` what stands against one, ``gap`` what the
depot lacks, ``propose`` all of it together.
"""
