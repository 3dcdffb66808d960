"""What is asked of a host, and how its answers are read.

One module per reading: the command's text, ``parse(answer)`` for the text a shell gets, and ``from_rows`` or
``from_fields`` for the same structure as it comes through the vSphere API's esxcli, where there is no text. They live in
the domain because both routes, SSH and vCenter, need them and adapters do not know each other.

Every parser gives the value or ``Unread`` with a reason. Whether a text is whole cannot be seen from a table itself: that
is told by the answer's ``fault`` and exit status.
"""
