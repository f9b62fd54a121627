"""The action's first step, run by whatever Python the runner has: are the inputs usable?

Answers the outputs that the following steps need: ``lock`` (what the environment is made from, as a cache key) and
``cache`` (whether this stage may restore one). Standard library only.
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
WITHOUT_CACHE = frozenset({"gate", "pr", "hand-over"})
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
        {"lock": lock_digest(root), "cache": str(inputs.stage not in WITHOUT_CACHE).lower()}, environ
    )
    return 0


def lock_digest(root: Path) -> str:
    """Names the environment by what it is made from: the locks and the Python version."""
    found = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform}".encode())
    for name in ("uv.txt", "runtime.txt"):
        found.update((root / "requirements" / name).read_bytes())
    return found.hexdigest()[:32]


if __name__ == "__main__":
    sys.exit(main(os.environ))
