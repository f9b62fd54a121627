"""The child's side: takes its environment, runs one stage, sends events and the report back, and leaves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from selfheal import progress
from selfheal.incidents.states import Stage
from selfheal.redaction.logfilter import configure_logging, level_of, log_context


def work(
    pipe: Connection,
    stage: str,
    key: str,
    environ: dict[str, str],
    overlay: dict[str, Any] | None = None,
    log: str = "",
) -> None:
    """Entry point of a stage's process. ``environ`` replaces the process's own; ``overlay`` continues a dry run.

    ``log`` is the file that the parent logs to; "" for none.
    """
    os.environ.clear()
    os.environ.update(environ)
    # Ctrl-C is the parent's to handle; it ends its children in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from selfheal.stages.runner import serve

    sending = threading.Lock()

    def forward(kind: str, data: dict[str, Any]) -> None:
        # Tools may run in threads of CrewAI's; a pipe takes one writer at a time.
        # Where the parent is gone, this stage finishes what it began: others can rely on its claim, not on half a step.
        with sending, suppress(OSError):
            pipe.send((kind, data))

    progress.subscribe(forward)
    log_context(run=environ.get("SELFHEAL_RUN_ID", ""), incident=key, stage=stage)
    if log:
        configure_logging(Path(log), level_of(environ.get("SELFHEAL_LOG_LEVEL")))
    report = serve(Stage(stage), key, environ, overlay=overlay)
    forward("report", report.document())
    pipe.close()
    sys.stdout.flush()
    sys.stderr.flush()
    # CrewAI's event threads would hold an ordinary exit up for a second; everything of ours is written by now.
    os._exit(0)
