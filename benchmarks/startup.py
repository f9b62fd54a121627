"""How long it takes to start: `--help`, and an empty queue, which must not import CrewAI.

Run with ``python benchmarks/startup.py``. Medians of several runs of the whole process. Aim: help under 0.2 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from incident import served, variables

RUNS = 7


def median(command: list[str], folder: Path, environ: dict[str, str]) -> float:
    seconds = []
    for _ in range(RUNS):
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True, timeout=60)
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


def main() -> None:
    program = [sys.executable, "-m", "selfheal"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = median([sys.executable, "-c", "pass"], folder, dict(os.environ))
        helped = median([*program, "--help"], folder, dict(os.environ))
        print(f"python itself {bare:.3f} s")
        print(f"selfheal --help {helped:.3f} s (aim 0.2 s, ratio {helped / 0.2:.2f})")
        server = served("cart-image-tag", folder)
        try:
            environ = {
                **os.environ,
                **variables(folder / "env"),
                "SELFHEAL_JIRA_ASSIGNEE": "jonas@example.com",
            }
            empty = median([*program, "run", "--assignee", "jonas@example.com"], folder, environ)
            code = "import sys; sys.argv = ['selfheal', 'run', '--assignee', 'jonas@example.com'];"
            code += "import selfheal.cli, atexit;"
            code += (
                "atexit.register(lambda: print('crewai' in sys.modules, len(sys.modules), file=sys.stderr));"
            )
            code += "selfheal.cli.main()"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=folder,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            imported, modules = done.stderr.split()[-2:]
        finally:
            server.terminate()
            server.wait()
        print(f"empty queue {empty:.3f} s, {modules} modules, CrewAI imported: {imported}")


if __name__ == "__main__":
    main()
