"""This machine: Python, git, the programs that render, and whether it is a job of GitHub Actions."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping

from selfheal.config import Settings
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


def renderers(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """The programs as repair finds them, and whether they can be kept from the network."""
    from selfheal.repair.isolation import isolation, remedy
    from selfheal.repair.tools import located

    for name, lost in RENDERERS.items():
        given = str(getattr(settings, name))
        found = located(name, given, environ.get("PATH"))
        if found:
            yield Check("machine", "ok", f"{name} is there ({found})")
        else:
            where = f" at {given}, where SELFHEAL_{name.upper()} says it is" if given else ""
            yield Check(
                "machine", "warning", f"{name} was not found{where}", lost,
                f"Install {name}, or name it in SELFHEAL_{name.upper()}; scripts/renderers fetches both, and hosted runners "
                "of GitHub have them. Plain manifests need neither.",
            )  # fmt: skip
    kept = isolation()
    if kept.problem:
        yield Check(
            "machine", "warning", f"renderers keep the network: {kept.problem}",
            "A template can then reach what this machine reaches; it still has an empty environment and a copy of the files.",
            remedy(),
        )  # fmt: skip
    else:
        yield Check("machine", "ok", "renderers run without a network")
