"""One incident from filing to recovery on the embedded sandbox, with `builtin`: requests, writes, seconds, by stage.

Run with ``python benchmarks/incident.py [SCENARIO] [--log]``; ``--log`` prints every request. Aim (no soak): at most 40 writes to the Jira issue, 90 requests to
Jira and GitHub together, under 15 s on 2 cores. The servers run in a process of their own, so the seconds are the crew's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import urlopen


def served(scenario: str, folder: Path) -> subprocess.Popen[str]:
    """The sandbox as a process; its variables are in ``folder/env``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "selfheal", "sandbox", "serve", "--scenario", scenario, "--env-file", str(folder / "env"),
            "--approve-after", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return process
    raise SystemExit("the sandbox did not start")


def variables(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: value.strip("'") for name, _, value in pairs}


def log(url: str) -> list[dict[str, Any]]:
    """The request log of one emulator."""
    with urlopen(f"{url}/_sandbox/requests", timeout=10) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
    return rows


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """A request a line."""
    return [f"{row['method']:<6} {row['status']} {unquote(row['path'])[:150]}" for row in rows]


def main(scenario: str, *, log_them: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = served(scenario, folder)
        try:
            found = variables(folder / "env") | {
                "SELFHEAL_VERIFICATION_SOAK": "0",
                "SELFHEAL_VERIFICATION_SAMPLES": "1",
            }
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "selfheal", "run", "--mode", "heal", "--model", "builtin", "--format", "json"],
                cwd=folder, env={**os.environ, **found}, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            seconds = time.monotonic() - began
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            (incident,) = json.loads(done.stdout)["incidents"]
            jira, github = (log(found[name]) for name in ("ATLASSIAN_API_URL", "SELFHEAL_GITHUB_API_URL"))
        finally:
            server.terminate()
            server.wait()
    api = [row for row in github if ".git/" not in row["path"]]
    writes = [row for row in jira if row["effect"]]
    print(f"{incident['state']}, {seconds:.1f} s from start to exit")
    for label, count, aim in (
        ("requests to Jira and GitHub", len(jira) + len(api), 90),
        ("writes to the Jira issue", len(writes), 40),
    ):
        print(f"{label}: {count} (aim {aim}, ratio {count / aim:.2f})")
    print(f"requests to Jira {len(jira)}, to GitHub's API {len(api)}, git fetches beside them")
    if log_them:
        print("\n".join(("-- Jira", *lines(jira), "-- GitHub", *lines(api))))
    print("stage       seconds  requests  writes")
    for stage in incident["stages"]:
        requests, changes = sum(stage["requests"].values()), sum(stage["writes"].values())
        print(f"{stage['stage']:<11} {stage['seconds']:>7.2f}  {requests:>8}  {changes:>6}")


if __name__ == "__main__":
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    main(*(named or ["cart-image-tag"]), log_them="--log" in sys.argv)
