"""The fork server's imports: all there, and no thread is left that a fork would lose."""

from __future__ import annotations

import subprocess
import sys


def test_everything_can_be_imported_and_leaves_one_thread():
    code = (
        "import sys, threading, selfheal.stages.preload as preload;"
        "print(all(name in sys.modules for name in preload.MODULES), threading.active_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.strip() == "True 1", done.stderr[-500:]
