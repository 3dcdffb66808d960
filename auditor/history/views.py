"""The views that people read with plain SQLite tools or Datasette. JSON functions only in their oldest form.

These texts are part of migrations and are never edited: a changed view is a new migration that drops and creates it.
"""

from __future__ import annotations

LATEST_HOSTS = """CREATE VIEW latest_hosts AS -- Each host with its last known readings, whichever run and route gave them.
WITH newest AS (
    SELECT host, reading, document, max(last_seen) AS last_seen FROM observations GROUP BY host, reading
), known AS (
    SELECT newest.host AS host, max(newest.last_seen) AS last_answered,
        max(CASE WHEN reading = 'product' THEN json_extract(content, '$.version') END) AS version,
        max(CASE WHEN reading = 'product' THEN json_extract(content, '$.build') END) AS build,
        max(CASE WHEN reading = 'profile' THEN json_extract(content, '$.name') END) AS profile,
        max(CASE WHEN reading = 'base_image' THEN json_extract(content, '$.version') END) AS base_image,
        max(CASE WHEN reading = 'add_on' THEN json_extract(content, '$.name') END) AS add_on,
        max(CASE WHEN reading = 'add_on' THEN json_extract(content, '$.version') END) AS add_on_version,
        max(CASE WHEN reading = 'components' THEN json_array_length(content) END) AS components,
        max(CASE WHEN reading = 'vibs' THEN json_array_length(content) END) AS vibs,
        max(CASE WHEN reading = 'maintenance_mode' THEN json_extract(content, '$') END) AS maintenance_mode,
        max(CASE WHEN reading = 'vibs' THEN newest.last_seen END) AS vibs_last_seen
    FROM newest JOIN documents ON documents.id = newest.document GROUP BY newest.host
), listed AS (
    SELECT host, cluster, cluster_name, max(last_seen) AS last_listed FROM listings GROUP BY host
), tried AS (
    SELECT host, max(id) AS attempt FROM host_attempts GROUP BY host
)
SELECT hosts.vcenter AS vcenter, hosts.name AS host, listed.cluster AS cluster, listed.cluster_name AS cluster_name,
    known.version AS version, known.build AS build, known.profile AS profile, known.base_image AS base_image,
    known.add_on AS add_on, known.add_on_version AS add_on_version, known.components AS components, known.vibs AS vibs,
    known.maintenance_mode AS maintenance_mode, known.last_answered AS last_answered,
    known.vibs_last_seen AS vibs_last_seen, listed.last_listed AS last_listed, host_attempts.at AS last_attempt,
    host_attempts.route AS last_route, host_attempts.outcome AS last_outcome, host_attempts.reason AS last_reason,
    host_attempts.detail AS last_detail, hosts.first_seen AS first_seen
FROM hosts
LEFT JOIN known ON known.host = hosts.id
LEFT JOIN listed ON listed.host = hosts.id
LEFT JOIN tried ON tried.host = hosts.id
LEFT JOIN host_attempts ON host_attempts.id = tried.attempt
ORDER BY hosts.vcenter, hosts.name"""

LATEST_CLUSTERS = """CREATE VIEW latest_clusters AS -- Each cluster with its last known mode, image and commit.
WITH listed AS (
    SELECT cluster, max(id) AS attempt,
        max(CASE WHEN mode IS NOT NULL THEN id END) AS mode_attempt,
        max(CASE WHEN image IS NOT NULL THEN id END) AS image_attempt
    FROM cluster_attempts GROUP BY cluster
)
SELECT clusters.vcenter AS vcenter, clusters.instance_uuid AS instance_uuid, clusters.cluster AS cluster,
    clusters.name AS name, modes.mode AS mode,
    json_extract(image.content, '$.base_image.version') AS base_image,
    json_extract(image.content, '$.add_on.name') AS add_on,
    json_extract(image.content, '$.add_on.version') AS add_on_version,
    images.commit_id AS commit_id, images.commit_time AS commit_time, images.commit_author AS commit_author,
    image_attempts.at AS image_seen,
    json_extract(compliance.content, '$.status') AS status,
    json_extract(newest.content, '$.readings.compliance.scan_time') AS scan_time,
    clusters.first_seen AS first_seen, clusters.last_seen AS last_seen
FROM clusters
LEFT JOIN listed ON listed.cluster = clusters.id
LEFT JOIN cluster_attempts AS attempts ON attempts.id = listed.attempt
LEFT JOIN cluster_attempts AS modes ON modes.id = listed.mode_attempt
LEFT JOIN cluster_attempts AS image_attempts ON image_attempts.id = listed.image_attempt
LEFT JOIN images ON images.id = image_attempts.image
LEFT JOIN documents AS image ON image.id = images.document
LEFT JOIN documents AS newest ON newest.id = attempts.document
LEFT JOIN documents AS compliance ON compliance.kind = 'compliance'
    AND compliance.hash = json_extract(newest.content, '$.readings.compliance.document')
ORDER BY clusters.vcenter, clusters.cluster, clusters.first_seen"""

CLUSTER_IMAGES = """CREATE VIEW cluster_images AS -- Every desired image ever seen; spec is what vLCM's import takes.
SELECT clusters.vcenter AS vcenter, clusters.instance_uuid AS instance_uuid, clusters.cluster AS cluster,
    clusters.name AS name, images.commit_id AS commit_id, images.commit_time AS commit_time,
    images.commit_author AS commit_author, images.commit_description AS commit_description,
    json_extract(documents.content, '$.base_image.version') AS base_image,
    json_extract(documents.content, '$.add_on.name') AS add_on,
    json_extract(documents.content, '$.add_on.version') AS add_on_version,
    images.first_seen AS first_seen, images.last_seen AS last_seen,
    json_extract(documents.content, '$.spec') AS spec, documents.hash AS document
FROM images
JOIN clusters ON clusters.id = images.cluster
JOIN documents ON documents.id = images.document
ORDER BY clusters.vcenter, clusters.cluster, images.first_seen, images.id"""

UNREAD = """CREATE VIEW unread AS -- What could not be read, and why; one row per run, subject, route and reading.
SELECT a.run AS run, a.at AS at, 'host' AS subject, hosts.vcenter AS vcenter, hosts.name AS name, a.route AS route,
    'all' AS reading, a.reason AS reason, a.detail AS detail
FROM host_attempts AS a JOIN hosts ON hosts.id = a.host WHERE a.reason <> ''
UNION ALL
SELECT a.run, a.at, 'host', hosts.vcenter, hosts.name, a.route, e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM host_attempts AS a JOIN hosts ON hosts.id = a.host JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL
UNION ALL
SELECT a.run, a.at, 'vcenter', a.vcenter, a.vcenter, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM vcenter_attempts AS a JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL
UNION ALL
SELECT a.run, a.at, 'vcenter', a.vcenter, a.vcenter, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM vcenter_marks AS a JOIN json_each(a.unread) AS e
UNION ALL
SELECT a.run, a.at, 'cluster', clusters.vcenter, a.name, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM cluster_attempts AS a JOIN clusters ON clusters.id = a.cluster JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL"""

LATEST_SETTINGS = """CREATE VIEW latest_settings AS -- Each host's newest recorded settings, one row per setting.
WITH newest AS (
    SELECT host, group_name, document, first_seen, max(last_seen) AS last_seen FROM settings GROUP BY host, group_name
)
SELECT hosts.vcenter AS vcenter, hosts.name AS host, newest.group_name AS group_name,
    json_extract(e.value, '$[0]') AS name, json_extract(e.value, '$[1]') AS value,
    newest.first_seen AS first_seen, newest.last_seen AS last_seen
FROM newest JOIN hosts ON hosts.id = newest.host JOIN documents ON documents.id = newest.document
JOIN json_each(documents.content) AS e
ORDER BY hosts.vcenter, hosts.name, newest.group_name, name"""

VIEWS = (LATEST_HOSTS, LATEST_CLUSTERS, CLUSTER_IMAGES, UNREAD)

__all__ = ["LATEST_SETTINGS", "VIEWS"]
