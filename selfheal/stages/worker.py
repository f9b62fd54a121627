"""The child's side: takes its environment, runs one stage, sends events and the report back, and leaves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from selfheal import progress
from selfheal.incidents.states import Stage


def work(
    pipe: Connection, stage: str, key: str, environ: dict[str, str], overlay: dict[str, Any] | None = None
) -> None:
    """Entry point of a stage's process. ``environ`` replaces the process's own; ``overlay`` continues a dry run."""
    os.environ.clear()
    os.environ.update(environ)
    # Ctrl-C is the parent's to handle; it ends its children in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from selfheal.stages.runner import run_stage, settings_of

    sending = threading.Lock()

    def forward(kind: str, data: dict[str, Any]) -> None:
        # Tools may run in threads of CrewAI's; a pipe takes one writer at a time.
        with sending:
            pipe.send((kind, data))

    progress.subscribe(forward)
    settings = settings_of(environ)
    report = run_stage(Stage(stage), key, settings, overlay=overlay)
    forward("report", report.document())
    pipe.close()
    sys.stdout.flush()
    sys.stderr.flush()
    # CrewAI's event threads would hold an ordinary exit up for a second; everything of ours is written by now.
    os._exit(0)
