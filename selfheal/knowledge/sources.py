"""Where knowledge comes from: Markdown files of the repository, and the records of resolved incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from selfheal.knowledge.index import Document

if TYPE_CHECKING:
    from selfheal.jsm.manager import Incident
    from selfheal.repository.tree import Tree

#: Files that are read at most, and characters of each.
FILES = 200
LONGEST = 60_000


def runbooks(tree: Tree, patterns: Sequence[str]) -> list[Document]:
    """The Markdown files whose path matches one of ``patterns`` (``*`` also spans folders)."""
    names = [
        path
        for path in tree.files()
        if path.casefold().endswith((".md", ".markdown"))
        and any(fnmatchcase(path, pattern) for pattern in patterns)
    ][:FILES]
    return [
        Document(path, data[:LONGEST].decode("utf-8", "replace"))
        for path, data in sorted(tree.read_many(names).items())
    ]


def past_incidents(incidents: Iterable[Incident], *, besides: str) -> list[Document]:
    """One document for each incident that has an analysis: what it was and what healed it."""
    documents = []
    for incident in incidents:
        record = incident.record
        if incident.key == besides or record is None or record.analysis is None:
            continue
        analysis, change = record.analysis, record.change
        lines = [
            incident.summary,
            f"Cause: {analysis.fault} on {analysis.object}. {analysis.summary}",
            f"Healed by: {change.title}" if change is not None else "",
            *(f"Tried before, without help: {item.fault}: {item.learned}" for item in record.tried),
        ]
        documents.append(Document(incident.key, "\n".join(line for line in lines if line)))
    return documents
