"""Where kubectl and helm are, and running them where they can do no harm.

A template is foreign code: it may read files, environment and network, or run for ever. So it gets a copy of the
regular files it needs, an empty environment, a home of its own, no network where the system allows it, and limits of
time, memory, processes and output.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from selfheal.cluster.snapshot import Snapshot
from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, NeedsPerson
from selfheal.incidents.record import Analysis
from selfheal.redaction import redactor
from selfheal.repair.capabilities import Capabilities, capabilities
from selfheal.repair.isolation import isolation

TIMEOUT = 30.0
OUTPUT = 64_000_000
_MEMORY = 4_000_000_000
_FILES = 256
_KEPT = 200


def located(name: str, given: str = "", path: str | None = None) -> str:
    """Where a program is, resolved: as ``given``, else beside this Python, else on ``path`` (PATH). "" when nowhere."""
    beside = Path(sys.executable).parent / name
    if not given and beside.is_file():
        found: str | None = str(beside)
    else:
        found = shutil.which(given or name, path=path)
    return str(Path(found).resolve()) if found else ""


class RenderFailed(NeedsPerson):
    """A renderer refused the files, or did not come to an end."""

    code = "render-failed"


class Tools:
    """Finds the programs: the given paths first, then beside this Python, then on PATH."""

    def __init__(self, kubectl: str = "", helm: str = "", capabilities: Capabilities | None = None) -> None:
        self._given = {"kubectl": kubectl, "helm": helm}
        self.capabilities = capabilities or Capabilities()
        self.renders = 0
        self._remembered: dict[str, str] = {}

    def knowing(self, capabilities: Capabilities) -> Tools:
        """The same programs for a cluster that can do this; these very ones where they know it already."""
        if capabilities == self.capabilities:
            return self
        return Tools(self._given["kubectl"], self._given["helm"], capabilities)

    def remember(self, key: str, compute: Callable[[], str]) -> str:
        """What ``compute`` renders, once a key; the oldest answers are forgotten when they become many."""
        if key not in self._remembered:
            if len(self._remembered) >= _KEPT:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = compute()
        return self._remembered[key]

    def find(self, name: str) -> str:
        """The program's path. Raises ConfigurationProblem when it is not there."""
        given = self._given[name]
        found = located(name, given)
        if not found:
            raise ConfigurationProblem(
                f"{name} was not found{f' at {given}' if given else ''}; it renders the repository.",
                hint=f"Install {name}, or name it in SELFHEAL_{name.upper()}; scripts/renderers fetches both.",
            )
        return found

    @property
    def caveat(self) -> str:
        """What people have to know of what was rendered so far, "" when there is nothing."""
        return isolation().caveat if self.renders else ""

    def run(self, name: str, arguments: list[str], folder: Path) -> str:
        """What the program prints, run in ``folder``. Raises RenderFailed with what it complained about."""
        self.renders += 1
        command = [*isolation().prefix, self.find(name), *arguments]
        with (
            tempfile.TemporaryDirectory(prefix="selfheal-home-") as home,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as told,
        ):
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=told,
                env=_environment(home),
                start_new_session=True,
                preexec_fn=_limits,  # noqa: PLW1509 - sets limits of the child alone; no lock is taken in it
            )
            try:
                code = process.wait(timeout=TIMEOUT)
            except subprocess.TimeoutExpired as error:
                raise RenderFailed(f"{name} did not finish within {TIMEOUT:g} s.", hint=_HINT) from error
            finally:
                _kill(process)
            told.seek(0)
            output.seek(0)
            text = output.read(OUTPUT).decode("utf-8", "replace")
            complaint = told.read(20_000).decode("utf-8", "replace")
        if code != 0:
            lines = [line for line in complaint.strip().splitlines() if not line.startswith("WARNING")]
            reason = redactor().text(" ".join(lines))[:500] or f"it ended with code {code}"
            raise RenderFailed(f"{name} refuses the files: {reason}", hint=_HINT)
        return text


_HINT = "Render it by hand to see more."


def _environment(home: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LC_ALL": "C",
        "XDG_CACHE_HOME": f"{home}/cache",
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_DATA_HOME": f"{home}/data",
        "HELM_PLUGINS": f"{home}/no-plugins",
        "HELM_NO_PLUGINS": "1",
        "KUBECONFIG": f"{home}/no-kubeconfig",
        "GOMAXPROCS": "2",
    }


def _limits() -> None:
    """Runs in the child: it may only become poorer."""
    for what, bound in (
        (resource.RLIMIT_CPU, int(TIMEOUT) + 1),
        (resource.RLIMIT_FSIZE, OUTPUT),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_DATA, _MEMORY),
    ):
        _soft, hard = resource.getrlimit(what)
        bounded = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(what, (bounded, bounded))


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def tools_for(
    settings: Settings,
    analysis: Analysis | None = None,
    snapshot: Snapshot | None = None,
    tools: Tools | None = None,
) -> Tools:
    """The programs that the settings name (or those given), for the cluster as far as it is known."""
    found = tools or Tools(settings.kubectl, settings.helm)
    return found.knowing(capabilities(settings, analysis, snapshot))
