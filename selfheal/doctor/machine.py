"""This machine: Python, git, the programs that render, and whether it is a job of GitHub Actions."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping

from selfheal.doctor.finding import Check

#: Program -> what cannot be done without it.
RENDERERS = {"kubectl": "Kustomize sources cannot be rendered.", "helm": "Helm sources cannot be rendered."}


def checks(environ: Mapping[str, str]) -> Iterator[Check]:
    """Looks only at what is installed."""
    where = (
        "a job of GitHub Actions"
        if environ.get("GITHUB_ACTIONS") == "true"
        else "not a job of GitHub Actions"
    )
    yield Check("machine", "ok", f"Python {'.'.join(map(str, sys.version_info[:3]))}; {where}")
    path = environ.get("PATH")
    if shutil.which("git", path=path):
        yield Check("machine", "ok", "git is there")
    else:
        yield Check(
            "machine", "missing", "git was not found", "Repositories are read with it.", "Install git."
        )
    for name, lost in RENDERERS.items():
        if shutil.which(name, path=path):
            yield Check("machine", "ok", f"{name} is there")
        else:
            yield Check(
                "machine", "warning", f"{name} was not found", lost,
                f"Install {name}; hosted runners of GitHub have it. Plain manifests need neither.",
            )  # fmt: skip
