"""What a step tells the runner: annotations, masks, outputs, the step summary.

Foreign text can end no command and forge no delimiter. Standard library and `selfheal.redaction` only: this runs before
anything is installed.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from selfheal.redaction import workflow_command

#: Characters of an annotation's message; the runner shows little more.
MESSAGE = 4_000
#: Bytes of a step summary. A summary over 1 MiB is dropped whole, and a job has several.
SUMMARY = 200 * 1024
#: A mask shorter than this would blank ordinary words of every log.
SHORTEST_MASK = 6


def annotate(level: Literal["error", "warning", "notice"], title: str, message: str) -> None:
    """An annotation on the run: ``message`` says what is wrong and what to write instead."""
    sys.stdout.write(f"::{level} title={_property(title)}::{workflow_command(message[:MESSAGE])}\n")
    sys.stdout.flush()


def _property(text: str) -> str:
    """A property's value may hold neither of its separators."""
    return workflow_command(text[:200]).replace(":", "%3A").replace(",", "%2C")


def mask(*values: str) -> None:
    """Tells the runner to blank these in every log from here on. A value of several lines is masked line by line."""
    lines = {line.strip() for value in values for line in value.splitlines()}
    for line in sorted(lines):
        if len(line) >= SHORTEST_MASK:
            # Not through `workflow_command`: that would redact the very value that is to be masked.
            sys.stdout.write(f"::add-mask::{line.replace('%', '%25')}\n")
    sys.stdout.flush()


@contextmanager
def without_commands() -> Iterator[None]:
    """Nothing printed inside is taken for a command, whatever it says."""
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(f"\n::{token}::\n")
        sys.stdout.flush()


def set_outputs(values: Mapping[str, str], environ: Mapping[str, str] | None = None) -> None:
    """Appends the step's outputs, each between marks that its text cannot know. Nothing outside Actions."""
    path = (os.environ if environ is None else environ).get("GITHUB_OUTPUT", "")
    if not path:
        return
    # Half a character, which JSON can hold, is no UTF-8.
    with Path(path).open("a", encoding="utf-8", errors="replace") as file:
        for name, value in values.items():
            mark = f"end-{secrets.token_hex(16)}"
            file.write(f"{name}<<{mark}\n{value}\n{mark}\n")


def add_summary(text: str, environ: Mapping[str, str] | None = None) -> None:
    """Appends Markdown to the step's summary, at most `SUMMARY` bytes of it. Nothing outside Actions."""
    path = (os.environ if environ is None else environ).get("GITHUB_STEP_SUMMARY", "")
    if not path:
        return
    data = text.encode("utf-8", "replace")
    if len(data) > SUMMARY:
        data = data[:SUMMARY].rsplit(b"\n", 1)[0] + b"\n\n_Cut here: the rest is in the result file._\n"
    with Path(path).open("ab") as file:
        file.write(data + b"\n")
