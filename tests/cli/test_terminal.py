"""What a person sees of a run, line by line."""

from __future__ import annotations

import io

from rich.console import Console

from selfheal.cli.terminal import Presenter


def shown(*events):
    out = io.StringIO()
    presenter = Presenter(Console(file=out, width=200, no_color=True), detail=True)
    for key, kind, data in events:
        presenter.event(key, kind, data)
    return out.getvalue().splitlines()


def wait(reason, key="OPS-1"):
    return key, "wait", {"reason": reason}


def test_what_is_waited_for_is_said_once():
    assert (
        len(shown(wait("1 approval is missing."), wait("Pull request #7 waits: 1 approval is missing."))) == 1
    )


def test_another_reason_and_another_incident_are_said():
    lines = shown(wait("checks"), wait("review"), wait("review", "OPS-2"), wait("review"), wait("checks"))
    assert [line.split()[0] + line.split()[-1] for line in lines] == [
        "OPS-1checks", "OPS-1review", "OPS-2review", "OPS-1checks",
    ]  # fmt: skip
