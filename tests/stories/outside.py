"""The sandbox and the program as processes of their own, as somebody with a shell has them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

#: Seconds a process may take; far above what one takes on a busy machine.
PATIENCE = 240


class Outside:
    """A served sandbox and the variables of its env file. Commands run in ``folder`` with those variables alone."""

    def __init__(self, folder, variables):
        self.folder, self.variables = folder, variables

    def environment(self, **more):
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        merged = {**plain, **self.variables, **more}
        return {name: value for name, value in merged.items() if value}

    def start(self, *arguments, **variables):
        return subprocess.Popen(
            [sys.executable, "-m", "selfheal", *arguments], cwd=self.folder, env=self.environment(**variables),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def selfheal(self, *arguments, **variables):
        """Exit code and everything printed."""
        process = self.start(*arguments, **variables)
        printed, _none = process.communicate(timeout=PATIENCE)
        return process.returncode, printed

    # -- the servers ---------------------------------------------------------------------------------------

    def address(self, server):
        name = {"jira": "ATLASSIAN_API_URL", "github": "SELFHEAL_GITHUB_API_URL"}.get(server)
        if name:
            return self.variables[name]
        kubeconfig = json.loads(Path(self.variables["SELFHEAL_KUBECONFIG"]).read_text())
        return kubeconfig["clusters"][0]["cluster"]["server"]

    def ask(self, server, path, body=None, method=None):
        """A control endpoint of a server."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"{self.address(server)}/_sandbox/{path}", data=data, method=method,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def incidents(self):
        return {issue["key"]: issue for issue in self.ask("jira", "incidents")}

    def state(self, key):
        return self.incidents()[key]["properties"].get("selfheal", {}).get("state", "")

    def requests(self, server):
        return self.ask(server, "requests")

    def effects(self, server):
        """Requests that changed something."""
        return [entry for entry in self.requests(server) if entry["effect"]]

    def pulls(self):
        """Pull requests that were opened, by the request log."""
        return [
            entry for entry in self.effects("github")
            if entry["method"] == "POST" and entry["path"].endswith("/pulls")
        ]  # fmt: skip

    def merges(self):
        return [entry for entry in self.effects("github") if entry["path"].endswith("/merge")]

    # -- what a run leaves ---------------------------------------------------------------------------------

    def log(self):
        path = self.folder / "logs/selfheal.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def results(self):
        return [json.loads(path.read_text()) for path in sorted((self.folder / "results").glob("*.json"))]


@contextmanager
def served(folder, *scenarios, **options):
    """A sandbox in a process of its own, stopped at the end."""
    file = folder / "sandbox.env"
    asked = [part for name in scenarios for part in ("--scenario", name)]
    asked += [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    server = subprocess.Popen(
        [sys.executable, "-m", "selfheal", "sandbox", "serve", "--env-file", str(file), *asked],
        cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE
        line = ""
        while not line.startswith("ready") and time.monotonic() < until:
            line = server.stdout.readline()
            assert line, "the sandbox ended before it was ready"
        variables = dict(shlex.split(row)[0].split("=", 1) for row in file.read_text().splitlines())
        yield Outside(folder, variables)
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()
