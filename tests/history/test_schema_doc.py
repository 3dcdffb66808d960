"""The description of the layout is made from the layout."""

from __future__ import annotations

import re
from pathlib import Path

from cogapp import Cog

from auditor.history.describe import describe_layout

DOCUMENT = Path(__file__).parents[2] / "docs" / "history-schema.md"


def test_the_document_is_what_cog_makes_of_it() -> None:
    assert Cog().main(["cog", "--check", str(DOCUMENT)]) == 0, "run: cog -r docs/history-schema.md"


def test_every_table_and_column_is_explained() -> None:
    text = describe_layout()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| .*? \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) > 80
    assert all(meaning.strip() for _, _, meaning in rows), [row for row in rows if not row[2].strip()]
    heads = re.findall(r"^## (?:table|view) `(\w+)`\n\n(.*)$", text, re.MULTILINE)
    assert {"runs", "documents", "images", "latest_hosts", "latest_clusters", "cluster_images", "unread"} <= dict(heads).keys()
    assert all(meaning for _, meaning in heads)
