"""A host's settings as a state archive carries them: read, remembered, compared. A rollback brings back those of the upgrade.

Only what can be shown to anybody is here: never a password, a key, a community, a CHAP secret or a licence key. A certificate,
a host key and a list of authorised keys are fingerprints.
"""
