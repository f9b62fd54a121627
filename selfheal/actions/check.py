"""The action's first step, run by whatever Python the runner has: are the inputs usable?

Answers the outputs that the following steps need: ``lock`` (what the environment is made from, as a cache key) and
``cache`` (what a cache is to this stage: none, read or fill). Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from selfheal.actions import commands
from selfheal.actions.inputs import read

#: Stages that hold the signing key or may write to GitHub: what another job could have put into a cache never runs there.
WITHOUT_CACHE = frozenset({"gate", "pr", "hand-over", "doctor-pr"})
EXIT_INPUTS = 3


def main(environ: Mapping[str, str]) -> int:
    """0, or 3 after an annotation for each input that cannot be used."""
    inputs, problems = read(environ)
    for problem in problems:
        commands.annotate("error", f"selfheal: {problem.name}", f"{problem.what} {problem.fix}")
    if problems:
        return EXIT_INPUTS
    root = Path(__file__).resolve().parents[2]
    commands.set_outputs(
        {"lock": lock_digest(root), "cache": cache_of(inputs.stage) if inputs.flag("cache") else "none"},
        environ,
    )
    return 0


def cache_of(stage: str) -> str:
    """coordinate comes first in every run and fills the cache; filling takes longer than installing without one."""
    if stage in WITHOUT_CACHE:
        return "none"
    return "fill" if stage == "coordinate" else "read"


def lock_digest(root: Path) -> str:
    """Names the environment by what it is made from: the locks and the Python version."""
    found = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform}".encode())
    for name in ("uv.txt", "runtime.txt"):
        found.update((root / "requirements" / name).read_bytes())
    return found.hexdigest()[:32]


if __name__ == "__main__":
    sys.exit(main(os.environ))
