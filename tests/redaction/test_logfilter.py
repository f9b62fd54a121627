"""The log file holds every line, and no secret in any of them."""

from __future__ import annotations

import json
import logging

import pytest

from selfheal import progress
from selfheal.redaction.logfilter import QUIET, JsonLines, configure_logging

SECRET = "ghp_" + "a1B2" * 9


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The lines of a configured log; the process's logging is put back afterwards."""
    root = logging.getLogger()
    before = root.level, list(root.handlers), {name: logging.getLogger(name).level for name in QUIET}
    path = tmp_path / "logs" / "selfheal.log"
    configure_logging(path, "DEBUG")
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    for handler in [one for one in root.handlers if one not in before[1]]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(before[0])
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def test_a_line_is_json_and_redacted(log) -> None:
    logging.getLogger("selfheal.x").info("token %s\nsecond line", SECRET)
    (line,) = log()
    assert line["logger"] == "selfheal.x"
    assert SECRET not in json.dumps(line)
    assert "second line" in line["message"]


def test_progress_events_are_in_it_redacted(log) -> None:
    progress.emit("note", text=f"Authorization: Bearer {SECRET}", when=object())
    (line,) = log()
    assert line["event"]["kind"] == "note"
    assert SECRET not in json.dumps(line)


def test_a_traceback_is_redacted_too(log) -> None:
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        logging.getLogger("selfheal.x").exception("failed")
    (line,) = log()
    assert "ValueError" in line["error"]
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize("name", [*QUIET, "atlassian.rest_client", "urllib3.connectionpool"])
def test_libraries_never_log_bodies(log, name) -> None:
    logger = logging.getLogger(name)
    level = logger.level
    try:
        # As a library does that turns its own logging on.
        logger.setLevel(logging.DEBUG)
        logger.debug("HTTP: Response text -> everything")
        logger.warning("slow")
    finally:
        logger.setLevel(level)
    assert [line["message"] for line in log()] == ["slow"]


def test_a_broken_format_string_does_not_cost_the_line() -> None:
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "%d items", ("many",), None)
    assert json.loads(JsonLines().format(record))["message"] == "%d items"


def test_configuring_twice_writes_each_line_once(log, tmp_path) -> None:
    configure_logging(tmp_path / "logs" / "selfheal.log", "INFO")
    logging.getLogger("selfheal.x").info("once")
    assert [line["message"] for line in log()] == ["once"]


def test_an_unknown_level_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging(tmp_path / "x.log", "LOUD")
