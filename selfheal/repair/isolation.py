"""Taking the network away from a renderer, by a network namespace of its own; and what to say where that is refused."""

from __future__ import annotations

import functools
import logging
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selfheal.redaction import redactor

LOGGER = logging.getLogger(__name__)

_ARGUMENTS: Final = ("--user", "--map-root-user", "--net")
_PATH: Final = "/usr/bin:/bin"
#: Switches that forbid network namespaces to those who are not root, what they hold then, and what allows it.
SWITCHES: Final = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu since 23.10
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),  # Debian's kernel
    ("/proc/sys/user/max_user_namespaces", "0", "15000"),  # RHEL hardening guides
)


@dataclass(frozen=True)
class Isolation:
    """``prefix`` goes before a renderer's command; where it is empty, ``problem`` says why there is none."""

    prefix: tuple[str, ...]
    problem: str = ""

    @property
    def caveat(self) -> str:
        """What people are told of a rendering without it, "" where all is well."""
        return f"rendered with the network in reach, since {self.problem}" if self.problem else ""


@functools.cache
def isolation() -> Isolation:
    """Tried once a process. Says so in the log when renderers will have the network in reach."""
    found = tried(shutil.which("unshare"))
    if found.problem:
        LOGGER.warning("Templates are %s. %s", found.caveat, remedy())
    return found


def tried(program: str | None) -> Isolation:
    """Whether ``program`` (unshare) gives a command a network namespace of its own."""
    if program is None:
        return Isolation((), "unshare (util-linux) is not installed")
    prefix = (program, *_ARGUMENTS)
    try:
        done = subprocess.run(
            [*prefix, "true"], capture_output=True, timeout=10, check=False, env={"PATH": _PATH}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Isolation((), f"unshare does not run ({type(error).__name__})")
    if done.returncode == 0:
        return Isolation(prefix)
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    said = redactor().text(lines[-1])[:200] if lines else f"code {done.returncode}"
    return Isolation((), f"the system refuses a network namespace ({said})")


def remedy(root: Path = Path("/")) -> str:
    """What somebody can do about it here: the switch that forbids it, where one does."""
    for name, forbids, allows in SWITCHES:
        try:
            held = (root / name.lstrip("/")).read_text().strip()
        except OSError:
            continue
        if held == forbids:
            switch = name.removeprefix("/proc/sys/").replace("/", ".")
            return f"Allow it: sudo sysctl -w {switch}={allows}."
    return (
        "Install util-linux, and let this user make user namespaces; in a container its runtime has to allow that "
        "(Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)."
    )
