"""The log file: JSON lines, one per record, with every secret replaced before it is written.

Several processes of one run append to it: each line is written at once and carries the run, incident and stage that
`log_context` set.
Progress events travel as ``record.event`` and appear under ``event``. Libraries that print whole bodies and headers at
DEBUG are kept above it, whatever level is asked for: redaction knows formats of secrets, not of other people's data.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Final

from selfheal.redaction.redactor import redactor

#: Loggers whose DEBUG lines hold requests and answers in full.
QUIET: Final = (
    "atlassian", "urllib3", "requests", "github", "kubernetes", "crewai", "openai", "httpx", "httpcore", "litellm",
)  # fmt: skip
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_LONGEST_TEXT: Final = 8_000
#: What every line of this process says besides its own message.
_context: dict[str, str] = {}


def log_context(**fields: str) -> None:
    """Sets fields that every line carries from now on (``run``, ``incident``, ``stage``)."""
    _context.update(fields)


class JsonLines(logging.Formatter):
    """``{"at", "level", "logger", "message", "run"?, "incident"?, "stage"?, "event"?, "error"?}``, redacted, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        clean = redactor()
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # A library's mistake in its own format string must not cost the line.
            message = str(record.msg)
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": clean.text(message)[:_LONGEST_TEXT],
            "process": record.process,
            **_context,
        }
        event = getattr(record, "event", None)
        if event is not None:
            line["event"] = clean.data(_plain(event))
        if record.exc_info and record.exc_info[1] is not None:
            error = "".join(traceback.format_exception(*record.exc_info))
            line["error"] = clean.text(error)[-_LONGEST_TEXT:]
        return json.dumps(line, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A JSON-able copy: what JSON does not know becomes its text."""
    return json.loads(json.dumps(value, default=str, ensure_ascii=False))


class _File(WatchedFileHandler):
    """Marks the handler as ours, so that configuring twice does not write every line twice."""

    def _open(self) -> io.TextIOWrapper:
        # Unbuffered and appending: a line is one write, so lines of several processes never mix.
        raw = io.FileIO(self.baseFilename, "ab")
        return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


class _NoBodies(logging.Filter):
    """Lets nothing of the quiet libraries pass below INFO, even when one of them sets its own level."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO or record.name.partition(".")[0] not in QUIET


def log_file() -> Path | None:
    """Where the log goes at present; None before `configure_logging`."""
    held = next((one for one in logging.getLogger().handlers if isinstance(one, _File)), None)
    return Path(held.baseFilename) if held is not None else None


def level_of(asked: str | None) -> str:
    """The level asked for. One that does not exist is the settings' to refuse; until then INFO is logged."""
    return asked if asked in LEVELS else "INFO"


def configure_logging(path: Path, level: str) -> None:
    """Sends the process's log to ``path`` from ``level`` (DEBUG, INFO, WARNING or ERROR) on; may be called again.

    The folder is made. Raises ValueError for an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is none of {', '.join(LEVELS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _File(path, encoding="utf-8")
    handler.setFormatter(JsonLines())
    handler.addFilter(_NoBodies())
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _File)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.INFO, logging.getLevelName(level)))
