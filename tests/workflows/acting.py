"""Runs this project's workflows with `act` on this machine, against the sandbox servers, without GitHub and without Docker.

Third-party actions are replaced by the small composite actions in ``standins``; our own action and reusable workflows come
from this checkout, whatever `uses:` says of their version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from selfheal.init.home import HOME
from selfheal.sandbox.world import World

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).parent / "standins"
#: How this machine reaches package indexes; a runner has the like in its own environment.
NETWORK = (
    "SSL_CERT_FILE",
    "PIP_CERT",
    "PIP_FIND_LINKS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
WORKFLOW = ".github/workflows/selfheal.yml"
_USES = re.compile(r"uses:\s*(actions/[\w-]+)@([0-9a-f]{40})")


def act_binary() -> str | None:
    """`act` beside the running Python or on the PATH; None where it cannot be had."""
    beside = Path(sys.executable).parent / "act"
    return str(beside) if beside.exists() else shutil.which("act")


def third_party() -> dict[str, Path]:
    """``name@sha`` of every third-party action in use -> its stand-in, where there is one."""
    found = {}
    for file in (ROOT / "action.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))):
        for name, sha in _USES.findall(file.read_text(encoding="utf-8")):
            standin = STANDINS / name.removeprefix("actions/")
            if standin.is_dir():
                found[f"{name}@{sha}"] = standin
    return found


def published(into: Path) -> Path:
    """What `uses:` would download of this project: the files that the action and the workflows need, as they are now."""
    if not into.exists():
        skipped = shutil.ignore_patterns("__pycache__", "*.pyc", "scenarios")
        for name in ("selfheal", ".github", "requirements", "scripts"):
            shutil.copytree(ROOT / name, into / name, ignore=skipped)
        shutil.copy(ROOT / "action.yml", into)
    return into


@dataclass
class Ran:
    """One run of a workflow: its exit code and everything it printed."""

    code: int
    text: str

    def jobs(self) -> dict[str, str]:
        """Conclusion by job, as act words them; a job is named by its last part and its incident."""
        found = re.findall(r"\[([^\]]+)\] 🏁  Job (\w+)", self.text)
        return {f"{name.split('/')[0]}/{name.split('/')[-1].strip()}": word for name, word in found}

    def annotations(self) -> list[str]:
        """Errors and warnings, as act shows them."""
        return re.findall(r"(?:❗|⚠|🚧)  ::(?:error|warning)[^\n]*", self.text)


@dataclass
class Runner:
    """A machine that runs workflows of one repository's folder against ``world``."""

    world: World
    folder: Path
    checkout: Path
    repository: str
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, event: str, payload: object | None, workflow: str) -> list[str]:
        """The call of act for one event."""
        store = self.folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        port = free_port()
        found = [
            act_binary() or "act", event, "--workflows", workflow, "--platform", "ubuntu-latest=-self-hosted",
            "--action-offline-mode", "--pull=false", "--no-cache-server", "--artifact-server-path", str(store / "act"),
            "--artifact-server-addr", "127.0.0.1", "--artifact-server-port", str(port), "--defaultbranch", "main",
            "--local-repository", f"{HOME}={published(self.folder / 'published')}",
        ]  # fmt: skip
        for uses, standin in third_party().items():
            found += ["--local-repository", f"{uses}={standin}"]
        if payload is not None:
            path = self.folder / "event.json"
            path.write_text(json.dumps(payload), encoding="utf-8")
            found += ["--eventpath", str(path)]
        for name, value in self._environ().items():
            found += ["--env", f"{name}={value}"]
        for name, value in self.variables.items():
            found += ["--var", f"{name}={value}"]
        secrets = self.folder / "secrets"
        secrets.touch(mode=0o600)
        lines = [f"{name}={json.dumps(value)}" for name, value in self._secrets().items()]
        secrets.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [*found, "--secret-file", str(secrets)]

    def run(
        self,
        event: str,
        payload: object | None = None,
        *,
        workflow: str = ".github/workflows/selfheal.yml",
        timeout: float = 400,
    ) -> Ran:
        """Runs the event's workflow to its end."""
        log = self.folder / "act.log"
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                self.command(event, payload, workflow), cwd=self.checkout, env=self._ambient(), stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, timeout=timeout, check=False,
            )  # fmt: skip
        return Ran(done.returncode, log.read_text(encoding="utf-8", errors="replace"))

    def start(self, event: str, payload: object | None = None) -> subprocess.Popen[bytes]:
        """The same in the background, to be killed half-way."""
        with (self.folder / "act.log").open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                self.command(event, payload, WORKFLOW), cwd=self.checkout, env=self._ambient(), stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def state(self, key: str) -> str:
        """The incident's state as Jira keeps it, "" when nobody made it ours."""
        return str(self.world.jira.store.issues[key].properties.get("selfheal", {}).get("state", ""))

    def jira_writes(self) -> list[str]:
        """Requests that changed something in Jira."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.world.jira.requests
            if entry["method"] != "GET" and not entry["path"].endswith("/search/jql")
        ]

    def secret_values(self) -> list[str]:
        """What no log may show: the secrets and the single credentials of the kubeconfig."""
        token = re.search(r"token: \"?([^\s\"]+)", self._secrets()["KUBECONFIG"])
        return [
            self._secrets()[name] for name in ("GITHUB_TOKEN", "ATLASSIAN_TOKEN", "SELFHEAL_SIGNING_KEY")
        ] + ([token.group(1)] if token else [])

    def _ambient(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {
            name: os.environ[name]
            for name in ("PATH", "LANG", "PIP_FIND_LINKS", "PIP_CERT")
            if name in os.environ
        }
        return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}

    def _environ(self) -> dict[str, str]:
        world = {
            name: value
            for name, value in self.world.environ().items()
            if "TOKEN" not in name
            and "KUBECONFIG" not in name
            and name not in ("SELFHEAL_GITHUB_REPOSITORY", "ATLASSIAN_API_URL")
        }
        return {
            **{name: os.environ[name] for name in NETWORK if name in os.environ},
            **world,
            "SELFHEAL_ATLASSIAN_API_URL": self.world.jira.url,
            "GITHUB_REPOSITORY": self.repository,
            "SELFHEAL_GITHUB_REPOSITORY": self.repository,
            "STANDIN_STORE": str(self.folder / "store"),
            "STANDIN_APP_TOKEN": self.world.github.bot_token,
            # The environment of the tests has the very packages of the lock; installing them is proven elsewhere.
            "SELFHEAL_PYTHON": sys.executable,
            **self.environ,
        }

    def _secrets(self) -> dict[str, str]:
        kubeconfig = (self.world.folder / "kubeconfig").read_text(encoding="utf-8")
        return {
            "GITHUB_TOKEN": self.world.github.bot_token,
            "ATLASSIAN_TOKEN": self.world.jira.token("bot"),
            "ATLASSIAN_CLOUD_ID": "sandbox",
            "KUBECONFIG": kubeconfig,
            "SELFHEAL_SIGNING_KEY": "0123456789abcdef" * 4,
            **self.secrets,
        }


def quoted(text: str) -> str:
    """As a YAML scalar on one line."""
    return json.dumps(text)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and all that descend from it, as a machine that is switched off does."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(status.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    doomed, due = [], [process.pid]
    while due:
        doomed.append(due.pop())
        due += parents.get(doomed[-1], [])
    for number in doomed:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
