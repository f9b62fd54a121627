"""What happens, as it happens: events for the terminal, the log and the parent process.

Any part of the house may emit; who listens (a terminal, a pipe to the parent, a log file) is decided by the command
line. Data is redacted by the listener's sink, so an emitter passes plain facts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

#: Every event also goes to this logger, at INFO, with ``record.event`` set.
LOGGER = logging.getLogger("selfheal.progress")

Listener = Callable[[str, dict[str, Any]], None]
_listeners: list[Listener] = []


def emit(kind: str, **data: Any) -> None:
    """Tell the listeners. ``kind`` is a word such as transition, tool, finding, diff, pull-request, wait, sample."""
    LOGGER.info(kind, extra={"event": {"kind": kind, **data}})
    for listener in tuple(_listeners):
        listener(kind, data)


def subscribe(listener: Listener) -> Callable[[], None]:
    """Adds a listener; answers the function that removes it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
