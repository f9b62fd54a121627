"""What the embedded servers cover, as a page: ``python -m selfheal.sandbox.coverage docs/sandbox-coverage.md``.

Generated from the routes themselves, so that it cannot promise what is not served; a test holds the committed page
against it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from selfheal.sandbox.emulator import Emulator
from selfheal.sandbox.github.app import GitHubEmulator
from selfheal.sandbox.jira.app import JiraEmulator
from selfheal.sandbox.kubernetes.app import KubernetesEmulator

_HELD = {
    "jira": "The platform's answers are held against Atlassian's published OpenAPI description, where it is at hand; the "
    "service desk's have no published description.",
    "github": "The REST answers are held against GitHub's published OpenAPI description, where "
    "`SELFHEAL_GITHUB_OPENAPI` names it.",
    "kubernetes": "Objects are held against the published description of the Kubernetes API, and outcomes against "
    "recordings of a real control plane, where they are at hand; [sandbox.md](sandbox.md) has the differences.",
}


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# What the sandbox covers",
        "",
        "The routes that the embedded servers answer; anything else is the vendor's 404. Beside them each has the control "
        "endpoints under `/_sandbox`. This page is generated from the servers.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        servers: tuple[Emulator, ...] = (JiraEmulator(), GitHubEmulator(Path(folder)), KubernetesEmulator())
        for server in servers:
            routes = server.coverage()
            lines += ["", f"## {server.name.capitalize()}", "", _HELD[server.name], "", "```text"]
            lines += [*sorted(set(routes), key=lambda route: (route.partition(" ")[2], route)), "```"]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
