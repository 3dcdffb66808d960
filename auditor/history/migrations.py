"""The layout of the history database, as ordered migrations. Each runs in one transaction with the row that records it.

The comments inside the statements are kept by SQLite (``.schema`` shows them) and are what ``docs/history-schema.md`` is
made from. Nothing newer than SQLite 3.25 is used, so that the tools of an old jump host can open the file: no STRICT
tables, no generated columns, no RETURNING, no ``->>``.

Times are ISO 8601 text in UTC with six digits of the second, so that text order is time order.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from auditor.history.views import LATEST_SETTINGS, VIEWS

APPLICATION_ID = 0x41554454  # "AUDT" in the file's header: this is our database (PRAGMA application_id)

MIGRATIONS = Migrations("auditor-history")

_TABLES = (
    """CREATE TABLE runs ( -- One row per snapshot or audit.
    id INTEGER PRIMARY KEY, -- number of the run
    kind TEXT NOT NULL, -- snapshot or audit
    started TEXT NOT NULL, -- when it began
    finished TEXT, -- when it ended; NULL: it is running now, or it was killed
    outcome TEXT NOT NULL DEFAULT '', -- how it ended, in the words of the run
    hosts INTEGER NOT NULL DEFAULT 0, -- hosts that were tried
    unseen INTEGER NOT NULL DEFAULT 0, -- of these, hosts that answered by no route
    pruned INTEGER NOT NULL DEFAULT 0 -- 1: retention removed its details, so its view cannot be rebuilt
)""",
    """CREATE TABLE documents ( -- What was read, each distinct text once.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    kind TEXT NOT NULL, -- what the text describes: vibs, components, image, inventory …
    hash TEXT NOT NULL, -- SHA-256 of content
    content TEXT NOT NULL, -- JSON with sorted keys; {"document": hash} stands for another document
    first_run INTEGER NOT NULL REFERENCES runs, -- run that stored it
    UNIQUE (kind, hash)
)""",
    """CREATE TABLE parts ( -- Which document refers to which.
    whole INTEGER NOT NULL REFERENCES documents, -- the document that refers
    part INTEGER NOT NULL REFERENCES documents, -- the document referred to
    PRIMARY KEY (whole, part)
) WITHOUT ROWID""",
    "CREATE INDEX parts_by_part ON parts (part)",
    """CREATE TABLE hosts ( -- Every host ever listed by a vCenter or tried directly.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    vcenter TEXT NOT NULL, -- the vCenter's name in the configuration; empty for a host that was only configured
    name TEXT NOT NULL, -- the host's name
    first_run INTEGER NOT NULL REFERENCES runs, -- run that first knew it
    first_seen TEXT NOT NULL, -- when that was
    UNIQUE (vcenter, name)
)""",
    """CREATE TABLE host_attempts ( -- Every try to read a host, also the failed ones: silence is not absence.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    route TEXT NOT NULL, -- vcenter, host-api or ssh
    at TEXT NOT NULL, -- when
    outcome TEXT NOT NULL, -- read: every reading has a value; partial: some have; failed: none
    reason TEXT NOT NULL DEFAULT '', -- why the route as a whole gave nothing; empty if it gave something
    detail TEXT NOT NULL DEFAULT '', -- the same in words
    answered INTEGER NOT NULL, -- readings with a value that came from the host itself
    document INTEGER REFERENCES documents -- the whole answer (kind host); NULL after retention
)""",
    "CREATE INDEX host_attempts_by_run ON host_attempts (run)",
    "CREATE INDEX host_attempts_by_host ON host_attempts (host, run)",
    "CREATE INDEX host_attempts_answered ON host_attempts (host, run) WHERE answered > 0",
    """CREATE TABLE observations ( -- From when to when a host gave the same value for a reading, by one route.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    route TEXT NOT NULL, -- vcenter, host-api or ssh
    reading TEXT NOT NULL, -- product, base_image, vibs … A reading without value neither ends nor extends the row.
    document INTEGER NOT NULL REFERENCES documents, -- the value
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that read this value
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that read this value
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
)""",
    "CREATE INDEX observations_by_host ON observations (host, route, reading)",
    """CREATE TABLE vcenter_attempts ( -- Every try to read a vCenter, also the failed ones.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    vcenter TEXT NOT NULL, -- its name in the configuration
    at TEXT NOT NULL, -- when
    outcome TEXT NOT NULL, -- read: marks, clusters, hosts and depot have values; partial: some have; failed: none
    reason TEXT NOT NULL DEFAULT '', -- why nothing could be read; empty if something was
    detail TEXT NOT NULL DEFAULT '', -- the same in words
    inventory_read INTEGER NOT NULL, -- 1: the list of hosts was read
    document INTEGER REFERENCES documents -- the whole answer (kind vcenter); NULL after retention
)""",
    "CREATE INDEX vcenter_attempts_by_run ON vcenter_attempts (run)",
    "CREATE INDEX vcenter_attempts_by_vcenter ON vcenter_attempts (vcenter, run)",
    """CREATE TABLE vcenter_marks ( -- The marks by which a vCenter shows that it went back in time. Never removed.
    attempt INTEGER PRIMARY KEY REFERENCES vcenter_attempts, -- the try that read them
    run INTEGER NOT NULL REFERENCES runs, -- the run
    vcenter TEXT NOT NULL, -- its name in the configuration
    at TEXT NOT NULL, -- when
    instance_uuid TEXT NOT NULL, -- the vCenter's own identity; a restore keeps it
    version TEXT NOT NULL, -- product version
    build TEXT NOT NULL, -- build number
    newest_event_key INTEGER, -- running number of its newest event; NULL: not read
    newest_event_time TEXT, -- time of its newest event; NULL: not read
    clock TEXT, -- its own clock; NULL: not read
    unread TEXT NOT NULL DEFAULT '{}' -- JSON: why a NULL above was not read
)""",
    "CREATE INDEX vcenter_marks_by_vcenter ON vcenter_marks (vcenter, instance_uuid)",
    """CREATE TABLE listings ( -- From when to when a vCenter listed a host in the same cluster, without a gap.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    cluster TEXT NOT NULL, -- managed object id of the cluster; empty for a stand-alone host
    cluster_name TEXT NOT NULL, -- its name; empty if it was never read
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that listed it so
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that listed it so
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
)""",
    "CREATE INDEX listings_by_host ON listings (host)",
    "CREATE INDEX listings_by_last_run ON listings (last_run)",
    """CREATE TABLE clusters ( -- Every cluster ever listed.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    vcenter TEXT NOT NULL, -- the vCenter's name in the configuration
    instance_uuid TEXT NOT NULL, -- the vCenter's identity; empty if it was not read
    cluster TEXT NOT NULL, -- managed object id
    name TEXT NOT NULL, -- newest name
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that listed it
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that listed it
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL, -- when last
    UNIQUE (vcenter, instance_uuid, cluster)
)""",
    """CREATE TABLE images ( -- Every desired image ever seen, kept whole and never removed.
    id INTEGER PRIMARY KEY, -- referred to by cluster_attempts
    cluster INTEGER NOT NULL REFERENCES clusters, -- the cluster, and through it the vCenter's instance UUID
    commit_id TEXT, -- vLCM's commit id, reused after a restore; NULL: the commit could not be read
    commit_time TEXT, -- when it was committed; NULL: not read or not given
    commit_author TEXT, -- who committed it
    commit_description TEXT, -- the message given with it
    document INTEGER NOT NULL REFERENCES documents, -- the image, with the specification vLCM can import again
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that saw it
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that saw it
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL, -- when last
    UNIQUE (cluster, commit_id, commit_time, commit_author, commit_description, document)
)""",
    """CREATE TABLE cluster_attempts ( -- What each run saw of each cluster.
    id INTEGER PRIMARY KEY, -- in the order of recording
    attempt INTEGER NOT NULL REFERENCES vcenter_attempts, -- the reading of the vCenter this belongs to
    run INTEGER NOT NULL REFERENCES runs, -- the run
    cluster INTEGER NOT NULL REFERENCES clusters, -- the cluster
    at TEXT NOT NULL, -- when
    name TEXT NOT NULL, -- its name then
    mode TEXT, -- image or baselines; NULL: not read
    image INTEGER REFERENCES images, -- its desired image; NULL: not read
    document INTEGER REFERENCES documents -- the whole answer (kind cluster); NULL after retention
)""",
    "CREATE INDEX cluster_attempts_by_attempt ON cluster_attempts (attempt)",
    "CREATE INDEX cluster_attempts_by_cluster ON cluster_attempts (cluster, run)",
    "CREATE INDEX cluster_attempts_by_run ON cluster_attempts (run)",
)

_DISMISSALS = """CREATE TABLE dismissals ( -- Hosts that a person said are gone on purpose.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    after_run INTEGER NOT NULL, -- newest run then; a later listing of the host ends the dismissal
    at TEXT NOT NULL, -- when
    reason TEXT NOT NULL -- why, in the person's words
)"""

_JOURNAL = (
    """CREATE TABLE operations ( -- Write operations: one apply of a proposal, one rollback of a plan. Never removed.
    id INTEGER PRIMARY KEY, -- number of the operation
    kind TEXT NOT NULL, -- apply or rollback
    started TEXT NOT NULL, -- when it began
    finished TEXT, -- when it ended; NULL: it is running now, or it was killed
    outcome TEXT NOT NULL DEFAULT '', -- how it ended, in a word
    operator TEXT NOT NULL, -- who ran it
    ticket TEXT NOT NULL, -- under which ticket
    digest TEXT NOT NULL, -- hash of the proposal or plan
    document TEXT NOT NULL -- the proposal or plan itself, JSON
)""",
    """CREATE TABLE operation_subjects ( -- The clusters or hosts an operation works on.
    operation INTEGER NOT NULL REFERENCES operations, -- the operation
    subject TEXT NOT NULL, -- cluster or host
    PRIMARY KEY (operation, subject)
) WITHOUT ROWID""",
    """CREATE TABLE journal ( -- What was intended and done, a row before each act and one after it. Never removed.
    id INTEGER PRIMARY KEY, -- in the order of writing
    operation INTEGER NOT NULL REFERENCES operations, -- the operation
    at TEXT NOT NULL, -- when
    subject TEXT NOT NULL, -- cluster or host
    step TEXT NOT NULL, -- the step
    phase TEXT NOT NULL, -- intent, done, failed or note
    data TEXT NOT NULL -- what resuming needs, JSON; never a secret
)""",
    "CREATE INDEX journal_by_operation ON journal (operation)",
)

_SETTINGS = (
    """CREATE TABLE settings ( -- From when to when a host had the same settings of a group. Never removed.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    group_name TEXT NOT NULL, -- ntp, dns, services … A group that could not be read neither ends nor extends the row.
    document INTEGER NOT NULL REFERENCES documents, -- the settings (kind settings), as [[name, value], …]
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that read them
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that read them
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
)""",
    "CREATE INDEX settings_by_host ON settings (host, group_name)",
    """CREATE TABLE settings_attempts ( -- Every try to read a host's settings, also the failed ones.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    at TEXT NOT NULL, -- when
    answered INTEGER NOT NULL, -- groups with a value
    unread TEXT NOT NULL -- JSON: why the other groups have none, each reason with its groups
)""",
    "CREATE INDEX settings_attempts_by_host ON settings_attempts (host)",
    "CREATE INDEX settings_attempts_by_run ON settings_attempts (run)",
)


_LISTED_AS = """CREATE TABLE listed_as ( -- What a host's name stood for in the inventory while a row of listings lasted.
    listing INTEGER PRIMARY KEY REFERENCES listings, -- the row; none here where the hardware UUID was not read
    moid TEXT NOT NULL, -- managed object id of the host
    uuid TEXT NOT NULL -- hardware UUID of the machine
)"""

_SPOOLED = """CREATE TABLE spooled ( -- Runs that were first written to a file beside this one.
    name TEXT PRIMARY KEY, -- name of that file
    run INTEGER NOT NULL, -- the run; a number kept free while the file cannot be taken in yet
    taken INTEGER NOT NULL DEFAULT 0 -- 1: taken in, so never again
)"""


def _tables(db: Database) -> None:
    for statement in _TABLES:
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _views(db: Database) -> None:
    for statement in VIEWS:
        db.execute(statement)


def _dismissals(db: Database) -> None:
    db.execute(_DISMISSALS)
    db.execute("CREATE INDEX dismissals_by_host ON dismissals (host)")


def _journal(db: Database) -> None:
    for statement in _JOURNAL:
        db.execute(statement)


def _settings(db: Database) -> None:
    for statement in (*_SETTINGS, LATEST_SETTINGS):
        db.execute(statement)


def _listed_as(db: Database) -> None:
    db.execute(_LISTED_AS)
    db.execute("CREATE INDEX documents_by_first_run ON documents (first_run)")


def _spooled(db: Database) -> None:
    db.execute(_SPOOLED)


MIGRATIONS(name="m001_tables")(_tables)
MIGRATIONS(name="m002_views")(_views)
MIGRATIONS(name="m003_dismissals")(_dismissals)
MIGRATIONS(name="m004_journal")(_journal)
MIGRATIONS(name="m005_settings")(_settings)
MIGRATIONS(name="m006_listed_as")(_listed_as)
MIGRATIONS(name="m007_spooled")(_spooled)


def newer_than_known(db: Database) -> list[str]:
    """Names of migrations the database has and this program does not know: it was written by a newer one."""
    known = {migration.name for migration in MIGRATIONS.pending(Database(memory=True, execute_plugins=False))}
    return [migration.name for migration in MIGRATIONS.applied(db) if migration.name not in known]


__all__ = ["APPLICATION_ID", "MIGRATIONS", "newer_than_known"]
