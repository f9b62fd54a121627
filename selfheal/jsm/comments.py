"""Internal comments, each written once: by its name on the comment itself, and in the record where that is at hand."""

from __future__ import annotations

from collections.abc import Sequence

from selfheal.incidents.record import Record
from selfheal.jsm.adf import Block, document
from selfheal.jsm.ledger import Ledger
from selfheal.jsm.site import COMMENT_NAME, JiraSite
from selfheal.jsm.transport import LostAnswer


class Comments:
    """Tells people, and remembers what was told until the next write of the record takes it along."""

    def __init__(self, site: JiraSite, ledger: Ledger) -> None:
        self._site = site
        self._ledger = ledger
        self._told: dict[str, list[str]] = {}
        self._tried: set[tuple[str, str]] = set()

    def tell(self, key: str, name: str, blocks: Sequence[Block], *, smooth: bool = False) -> None:
        """One comment called ``name`` in this attempt; telling it again does nothing.

        ``smooth``: all that was told before is in the record, so the issue's comments need not be looked through.
        """
        record = self._ledger.peek(key).incident.record
        if record is not None and name in (*record.told, *self._told.get(key, ())):
            return
        full = f"{record.attempt if record else 0}:{name}"
        # What was tried once in this process may be there although its answer was lost.
        self.write(key, full, blocks, look=not smooth or (key, full) in self._tried)
        self._told.setdefault(key, []).append(name)

    def noted(self, key: str, record: Record) -> tuple[str, ...]:
        """The record's list of what was told, with what was told since it was written."""
        return (*record.told, *(name for name in self._told.get(key, ()) if name not in record.told))

    def stored(self, key: str) -> None:
        """The list was written."""
        self._told.pop(key, None)

    def write(self, key: str, name: str, blocks: Sequence[Block], *, look: bool = True) -> None:
        """The comment, unless one of that full name is there: a run that died may have written it."""
        if look and self._there(key, name):
            return
        self._tried.add((key, name))
        try:
            self._site.comment(key, document(blocks), name)
        except LostAnswer:
            if not self._there(key, name):
                raise

    def _there(self, key: str, name: str) -> bool:
        for comment in self._site.comments(key):
            for entry in comment.get("properties") or ():
                value = entry.get("value")
                if entry.get("key") == COMMENT_NAME and isinstance(value, dict) and value.get("name") == name:
                    return True
        return False
