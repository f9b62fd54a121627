"""Full-text search over a few hundred passages, by SQLite's FTS5 in memory."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Characters of a passage, and passages of one document.
PASSAGE = 1_200
PASSAGES = 60
_WORD = re.compile(r"[^\W_]+(?:[-.][^\W_]+)*", re.UNICODE)


@dataclass(frozen=True)
class Document:
    """``origin`` says where it is from (a path, an incident's key), ``text`` is Markdown or plain."""

    origin: str
    text: str


@dataclass(frozen=True)
class Passage:
    """A part of a document that fits a query. ``origin`` is its document's, with the heading it stands under."""

    origin: str
    text: str


class Index:
    """Built once for a handful of queries. Never touches the disk."""

    def __init__(self, documents: Iterable[Document]) -> None:
        # Tools answer from threads of their own, one after the other.
        self._base = sqlite3.connect(":memory:", check_same_thread=False)
        self._base.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(origin UNINDEXED, title, text, tokenize='porter unicode61')"
        )
        rows = [
            (f"{document.origin}{f'#{title}' if title else ''}", f"{document.origin} {title}", text)
            for document in documents
            for title, text in passages(document.text)
        ]
        self._base.executemany("INSERT INTO passages VALUES (?, ?, ?)", rows)

    def search(self, query: str, limit: int = 5) -> list[Passage]:
        """The passages that fit best, best first. Any text is a query: its words, none of them required."""
        words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(query)))[:30]
        if not words:
            return []
        wanted = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
        found = self._base.execute(
            "SELECT origin, text FROM passages WHERE passages MATCH ?"
            " ORDER BY bm25(passages, 0.0, 3.0, 1.0), origin LIMIT ?",
            (wanted, limit),
        )
        return [Passage(origin, text) for origin, text in found]


def passages(text: str) -> Iterator[tuple[str, str]]:
    """A text cut at its headings, long parts cut again: (heading, passage)."""
    count = 0
    for title, body in _sections(text):
        for start in range(0, max(1, len(body)), PASSAGE):
            part = body[start : start + PASSAGE].strip()
            if part and count < PASSAGES:
                count += 1
                yield title, part


def _sections(text: str) -> Iterator[tuple[str, str]]:
    title, lines, fenced = "", list[str](), False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = re.match(r"#{1,6}\s+(.+?)\s*#*$", line) if not fenced else None
        if heading is None:
            lines.append(line)
            continue
        yield title, "\n".join(lines)
        title, lines = heading.group(1)[:120], [line]
    yield title, "\n".join(lines)
