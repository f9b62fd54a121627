"""Every recording with a fix: the same objects as after the recorded fix, or an equally minimal change named here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from selfheal.cluster import pointer
from selfheal.cluster.dump import load_dump
from selfheal.config import Settings
from selfheal.diagnosis.engine import diagnose
from selfheal.incidents.record import Target
from selfheal.repair.contract import changed_fields
from selfheal.repair.objects import ref
from selfheal.repair.plan import RepairResult, plan
from selfheal.repair.sources import render
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from tests.conftest import SHARED

RECORDINGS = SHARED / "recordings" if SHARED is not None else None
CASES = sorted(path.parent.name for path in RECORDINGS.glob("*/case.json")) if RECORDINGS else []

#: Cases whose fix takes what a person knows: nothing is proposed.
ESCALATED = {
    "analytics-clickhouse-pending": "no older object or file has the label's right value",
    "analytics-query-api-hpa": "nothing says how much of a cpu the program needs",
    "campus-enrolment-upgrade": "the new path stands only in a changelog and in the program",
    "harbour-tides-gone": "taking admission away needs approval",
    "identity-directory-not-ready": "the right path stands nowhere else",
    "identity-mailer-update": "which user the image knows stands nowhere",
    "logistics-planner-crash": "the repository is right, the cluster drifted",
    "logistics-tracking-restarts": "the right path stands nowhere else",
    "shop-catalog-campaign-capacity": "a quota is raised by people",
}
#: Equally minimal fixes that differ from the recorded one: pointer -> value proposed.
EQUAL: dict[str, dict[str, Any]] = {
    "shop-storefront-release-not-visible": {
        # The tag that was meant exists nowhere but in the registry; the last one that ran is taken.
        "/spec/template/spec/containers/name=web/image": "ghcr.io/acme-shop/storefront:3.14.1",
    },
    # False is what an absent field means.
    "identity-tokens-pile-up": {"/spec/suspend": False},
    "metering-readings-late": {
        "/spec/template/spec/containers/name=importer/resources/limits/memory": "512Mi"
    },
}


def _repaired(case: str) -> tuple[dict[str, Any], RepairResult]:
    assert RECORDINGS is not None
    folder = RECORDINGS / case
    told = json.loads((folder / "case.json").read_text())
    path = told["render"].split()[1]
    snapshot = load_dump(folder / "faulty")
    found = diagnose(snapshot, target=Target(namespace=told["namespace"]))
    result = plan(
        FolderTree(folder / "repo"),
        found.to_analysis(snapshot),
        settings=Settings(),
        path="" if path == "." else path,
        snapshot=snapshot,
    )
    return told, result


@pytest.fixture(scope="module")
def tools() -> Tools:
    made = Tools()
    for name in ("kubectl", "helm"):
        try:
            made.find(name)
        except Exception as error:  # noqa: BLE001 - whatever the reason, nothing can be rendered
            pytest.skip(str(error))
    return made


def _rendered(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    words = told["render"].split()
    values = tuple(words[i + 1] for i, word in enumerate(words) if word == "-f")
    release = words[words.index("(release") + 1].rstrip(",") if "(release" in words else ""
    path = "" if words[1] == "." else words[1]
    objects = render(FolderTree(folder), path, values=values, release=release, namespace=told["namespace"])
    return {str(ref(obj, told["namespace"])): obj for obj in objects}


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_fix_or_nothing(case: str, tmp_path: Path, tools: Tools) -> None:
    told, result = _repaired(case)
    assert RECORDINGS is not None
    if result.decision != "propose":
        assert case in ESCALATED or told["fault"] == "healthy" or not result.title, (case, result.reason)
        return
    assert case not in ESCALATED, (case, result.changes)
    repaired, fixed = tmp_path / "repaired", tmp_path / "fixed"
    shutil.copytree(RECORDINGS / case / "repo", repaired)
    shutil.copytree(RECORDINGS / case / "repo", fixed)
    shutil.copytree(RECORDINGS / case / "fixed", fixed, dirs_exist_ok=True)
    for change in result.changes:
        assert change.after is not None
        (repaired / change.path).write_bytes(change.after)
    broken, ours, theirs = (_rendered(path, told) for path in (RECORDINGS / case / "repo", repaired, fixed))
    assert ours.keys() == theirs.keys()
    for name, obj in ours.items():
        for field, value in EQUAL.get(case, {}).items():
            if pointer.exists(obj, field):
                assert pointer.resolve(obj, field) == value
        differing = [field for field, _, _ in changed_fields(obj, theirs[name])]
        intended = {pointer.resolve(obj, field) for field in EQUAL.get(case, {})}
        left = [field for field in differing if pointer.resolve(obj, field) not in intended]
        assert all(_is_tuning(field, broken[name]) for field in left), (case, name, left)
    changed = sum(
        line[:1] in "+-" and line[:3] not in ("+++", "---")
        for item in result.changes
        for line in item.diff.splitlines()
    )
    assert changed <= 8, [item.diff for item in result.changes]


def _is_tuning(field: str, broken: dict[str, Any]) -> bool:
    """How long a probe that was not there before waits is a matter of taste."""
    return field.endswith("/startupProbe/failureThreshold") and not pointer.exists(broken, field)
