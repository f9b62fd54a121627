"""The files of `selfheal init` and the plan of writing them: new, the same, renewed, or left because a person changed it.

What was written is remembered as hashes in a file of its own. A file whose content is still what was written may be
renewed; any other is a person's, and only its difference is shown.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from selfheal.init import jira_rules, rbac
from selfheal.init.home import workflow
from selfheal.init.jira_rules import Site

#: Remembers what was written: path -> SHA-256.
WRITTEN = ".github/selfheal/written.json"
WORKFLOW = ".github/workflows/selfheal.yml"
SETTINGS = ".selfheal.yml"
_FOLDER = ".github/selfheal"

Action = Literal["create", "same", "renew", "keep"]


@dataclass(frozen=True)
class Planned:
    """One file: what is to be there, what is there, and what will be done about it."""

    path: str
    text: str
    present: str | None
    action: Action

    def diff(self) -> str:
        """From what is there to what is to be there; "" when both are the same."""
        before = (self.present or "").splitlines(keepends=True)
        name = self.path if self.present is not None else "/dev/null"
        return "".join(difflib.unified_diff(before, self.text.splitlines(keepends=True), name, self.path))


def contents(site: Site, *, operations: str = "") -> dict[str, str]:
    """Path -> text of every file. ``operations`` is the name of the operations repository, in a service repository."""
    from selfheal.config.reference import schema

    rules = jira_rules.export(*jira_rules.rules(site))
    found = {
        WORKFLOW: _filled("workflow.yml", site, operations),
        SETTINGS: _filled("settings-service.yml" if operations else "settings.yml", site, operations),
        f"{_FOLDER}/selfheal.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        f"{_FOLDER}/rbac.yaml": rbac.manifest(),
        f"{_FOLDER}/README.md": _filled("readme.md", site, operations),
    }
    if not operations:
        # In a service repository incidents come from the operations repository, whose rules these are.
        found[f"{_FOLDER}/jira-rules.json"] = json.dumps(rules, indent=2, ensure_ascii=False) + "\n"
    return found


def plan(folder: Path, wanted: dict[str, str]) -> list[Planned]:
    """What writing would do. Reads only."""
    written = _written(folder)
    return [
        _planned(path, text, _present(folder / path), written.get(path, "")) for path, text in wanted.items()
    ]


def _planned(path: str, text: str, present: str | None, written: str) -> Planned:
    action: Action = "keep"
    if present is None:
        action = "create"
    elif present == text:
        action = "same"
    elif _hash(present) == written:
        action = "renew"
    return Planned(path, text, present, action)


def apply(folder: Path, planned: list[Planned]) -> None:
    """Writes what is new or renewed, and remembers it. What a person changed stays as it is."""
    written = _written(folder)
    for item in planned:
        if item.action in ("create", "renew"):
            target = folder / item.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(item.text, encoding="utf-8")
        if item.action != "keep":
            written[item.path] = _hash(item.text)
    target = folder / WRITTEN
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"written by selfheal init": dict(sorted(written.items()))}, indent=2) + "\n"
    if _present(target) != text:
        target.write_text(text, encoding="utf-8")


def _filled(name: str, site: Site, operations: str) -> str:
    text = _template(name)
    line = f"      # The repository whose .selfheal.yml is the policy here.\n      operations-repository: {operations}\n"
    for mark, value in {
        "@@RULES@@": _template("readme-rules-service.md" if operations else "readme-rules.md"),
        # A service repository's settings are the operations repository's, which a job of the doctor does not have.
        "@@DOCTOR_INPUT@@\n": "" if operations else _template("workflow-doctor-input.yml") + "\n",
        "@@NOT_DOCTOR@@": "" if operations else " && inputs.doctor != true",
        "@@DOCTOR@@": "" if operations else _template("workflow-doctor.yml"),
        "@@DOCTOR_WORKFLOW@@": workflow("doctor.yml"),
        "@@PROJECT@@": site.project,
        "@@WORKFLOW@@": workflow("heal.yml"),
        "@@MINUTES@@": _minutes(site.repository),
        "@@ESCALATION@@": f"escalation: {json.dumps(site.escalation)}"
        if site.escalation
        else "# escalation: sre-on-call",
        "@@OPERATIONS@@": line if operations else "",
        "@@OPERATIONS_NAME@@": operations,
    }.items():
        text = text.replace(mark, value)
    return text


def _template(name: str) -> str:
    return resources.files("selfheal.init").joinpath("templates", name).read_text(encoding="utf-8")


def _minutes(repository: str) -> str:
    """Four times an hour, at minutes of the repository's own, so that not everybody's schedules come at once."""
    first = 1 + int(hashlib.sha256(repository.encode()).hexdigest(), 16) % 7 * 2
    return ",".join(str(first + step) for step in (0, 15, 30, 45))


def _written(folder: Path) -> dict[str, str]:
    try:
        document = json.loads(_present(folder / WRITTEN) or "{}")
    except ValueError:
        return {}
    entries = document.get("written by selfheal init") if isinstance(document, dict) else None
    return {str(path): str(value) for path, value in entries.items()} if isinstance(entries, dict) else {}


def _present(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
