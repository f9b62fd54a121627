"""bad-release: the commit that brought it is found by what it changed, and reverted so that the last good state renders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.config import Settings
from selfheal.incidents.record import Analysis, LastGood, ObjectRef, Outcome, Tried
from selfheal.repair.fields import ABSENT, differing
from selfheal.repair.gate import judge
from selfheal.repair.merge import Overlap, merged
from selfheal.repair.plan import RepairResult, plan
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from selfheal.repository.worktree import WorkTree
from tests.repair.test_plan import packed
from tests.repository.support import plain_git

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")
IMAGE = "/spec/template/spec/containers/name=cart/image"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels:
      app: cart
  template:
    metadata:
      labels:
        app: cart
    spec:
      containers:
        - name: cart
          image: ghcr.io/acme/cart:1.0 # the robot
          env:
            - name: MODE
              value: plain
          envFrom:
            - configMapRef:
                name: cart
          resources:
            limits:
              memory: 128Mi
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: cart
  namespace: shop
data:
  LIMIT: "10"
"""


def bad(
    field: str = IMAGE, good: str = "ghcr.io/acme/cart:1.0", *, alone: bool = False, **more: Any
) -> Analysis:
    return Analysis(
        verdict="fault",
        fault="bad-release",
        variant="image",
        object=more.pop("object", CART),
        container="cart",
        confidence=0.95,
        summary="cart ends with exit code 1 since it was given the new image.",
        facts={"field": field, "alone": alone, "last_good": []},
        last_good=(LastGood(field=field, value=good, origin="ReplicaSet shop/cart-1"),),
        **more,
    )


@pytest.fixture
def git(tmp_path: Path) -> Path:
    directory = tmp_path / "git"
    directory.mkdir()
    plain_git(directory, "init", "-q", "-b", "main")
    return directory


def commit(directory: Path, files: dict[str, str], message: str = "change") -> str:
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    plain_git(directory, "add", ".")
    plain_git(directory, "commit", "-q", "-m", message)
    return WorkTree(directory).base_sha


def planned(directory: Path, analysis: Analysis, **more: Any) -> RepairResult:
    return plan(WorkTree(directory), analysis, settings=Settings(), now=NOW, **more)


RELEASED = DEPLOYMENT.replace("cart:1.0", "cart:1.1").replace("value: plain", "value: fancy")
RELEASED_CONFIG = CONFIG.replace('"10"', '"ten"')


def test_the_commit_is_found_by_what_it_changed_and_reverted_whole(git: Path) -> None:
    commit(git, {"cart.yaml": DEPLOYMENT, "config.yaml": CONFIG, "README.md": "x\n"})
    culprit = commit(git, {"cart.yaml": RELEASED, "config.yaml": RELEASED_CONFIG, "README.md": "y\n"}, "1.1")
    # Newer commits, none of which touches what the pods run as.
    commit(git, {"cart.yaml": RELEASED.replace("replicas: 2", "replicas: 3")}, "more of them")
    commit(git, {"other.yaml": CONFIG.replace("name: cart", "name: other"), "README.md": "z\n"})
    result = planned(git, bad())
    assert result.decision == "propose", result.reason
    assert culprit[:12] in result.reason
    after = {change.path: (change.after or b"").decode() for change in result.changes}
    # The inverse of that commit alone, on the files that deploy it alone.
    assert after == {"cart.yaml": DEPLOYMENT.replace("replicas: 2", "replicas: 3"), "config.yaml": CONFIG}
    told = {item.field: item.after for item in result.rendered}
    assert told[IMAGE] == "ghcr.io/acme/cart:1.0"
    assert all(culprit[:12] in item.origin for item in result.rendered)


def test_a_kustomization_with_what_the_pods_read(git: Path, tools: Tools) -> None:
    files = {
        "kustomization.yaml": "resources: [cart.yaml]\nconfigMapGenerator:\n  - name: cart\n    namespace: shop\n"
        "    literals: [LIMIT=10]\n",
        "cart.yaml": DEPLOYMENT,
    }
    commit(git, files)
    released = {
        "kustomization.yaml": files["kustomization.yaml"].replace("=10", "=ten"),
        "cart.yaml": RELEASED,
    }
    commit(git, released, "1.1")
    tree = WorkTree(git)
    result = plan(tree, bad(), settings=Settings(), now=NOW, tools=tools)
    assert result.decision == "propose", result.reason
    assert {change.path: (change.after or b"").decode() for change in result.changes} == files
    assert {item.object.kind for item in result.rendered} == {"Deployment", "ConfigMap"}
    # The gate derives the same, and takes nothing less: the image alone is not the release.
    verdicts = judge(tree, packed(tree, result), settings=Settings(), analysis=bad(), now=NOW, tools=tools)
    assert all(verdict.passed for verdict in verdicts), verdicts
    half = result.changes[0]
    part = RepairResult("propose", "", changes=(half,))
    refused = judge(tree, packed(tree, part), settings=Settings(), analysis=bad(), now=NOW, tools=tools)
    assert not refused[-1].passed


def chart(tag: str, hook: str = "") -> dict[str, str]:
    files = {
        "chart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 0.1.0\n",
        "chart/values.yaml": f"tag: {tag}\nmode: plain\n",
        "chart/templates/cart.yaml": DEPLOYMENT.replace("cart:1.0", "cart:{{ .Values.tag }}").replace(
            "          envFrom:\n            - configMapRef:\n                name: cart\n", ""
        ),
    }
    if hook:
        files["chart/templates/hook.yaml"] = hook
    return files


HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations:
    helm.sh/hook: pre-upgrade
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: prepare
          image: ghcr.io/acme/cart:TAG
"""


def test_a_chart_and_its_hooks(git: Path, tools: Tools) -> None:
    commit(git, chart('"1.0"', HOOK.replace("TAG", "1.0")))
    commit(git, chart('"1.1"', HOOK.replace("TAG", "1.0")))
    result = planned(git, bad(), tools=tools)
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["chart/values.yaml"]


def versioned(version: str) -> dict[str, str]:
    labels = "{{ .Chart.AppVersion | quote }}"
    return {
        "chart/Chart.yaml": f"apiVersion: v2\nname: cart\nversion: 0.1.0\nappVersion: '{version}'\n",
        "chart/values.yaml": "mode: plain\n",
        "chart/templates/cart.yaml": chart("x")["chart/templates/cart.yaml"]
        .replace("{{ .Values.tag }}", "{{ .Chart.AppVersion }}")
        .replace(
            "        app: cart\n    spec",
            f"        app: cart\n        app.kubernetes.io/version: {labels}\n    spec",
        ),
        "chart/templates/config.yaml": CONFIG.replace("name: cart", "name: other").replace(
            "data:", f"  labels:\n    app.kubernetes.io/version: {labels}\ndata:"
        ),
    }


def test_a_chart_that_is_released_by_its_own_version(git: Path, tools: Tools) -> None:
    commit(git, versioned("1.0"))
    commit(git, versioned("1.1"))
    result = planned(git, bad(), tools=tools)
    assert result.decision == "propose", result.reason
    assert {change.path: (change.after or b"").decode() for change in result.changes} == {
        "chart/Chart.yaml": versioned("1.0")["chart/Chart.yaml"]
    }
    tree = WorkTree(git)
    verdicts = judge(tree, packed(tree, result), settings=Settings(), analysis=bad(), now=NOW, tools=tools)
    assert all(verdict.passed for verdict in verdicts), verdicts


def test_an_overlay_that_names_the_tag(git: Path, tools: Tools) -> None:
    def overlay(tag: str) -> dict[str, str]:
        images = f"images:\n  - name: ghcr.io/acme/cart\n    newTag: '{tag}'\n"
        return {"prod/kustomization.yaml": f"resources: [../base]\n{images}"}

    base = {"base/kustomization.yaml": "resources: [cart.yaml]\n", "base/cart.yaml": DEPLOYMENT}
    commit(git, base | overlay("1.0"))
    commit(git, overlay("1.1"))
    commit(git, {"prod/kustomization.yaml": overlay("1.1")["prod/kustomization.yaml"] + "# soon more\n"})
    result = planned(git, bad(), tools=tools, path="prod")
    assert result.decision == "escalate" and "was changed since" in result.reason
    commit(git, {"prod/kustomization.yaml": "# ours\n" + overlay("1.1")["prod/kustomization.yaml"]})
    result = planned(git, bad(), tools=tools, path="prod")
    assert result.decision == "propose", result.reason
    assert result.changes[0].after == ("# ours\n" + overlay("1.0")["prod/kustomization.yaml"]).encode()


def test_what_was_gone_back_on_in_vain_is_not_proposed_again(git: Path) -> None:
    commit(git, {"cart.yaml": DEPLOYMENT})
    commit(git, {"cart.yaml": DEPLOYMENT.replace("cart:1.0", "cart:1.1")})
    first = planned(git, bad())
    tried = Tried(
        attempt=1, fault="bad-release", object=CART, outcome=Outcome.INEFFECTIVE, rendered=first.rendered
    )
    again = planned(git, bad(), tried=(tried,))
    assert again.decision == "escalate" and "did not help" in again.reason


def test_a_hook_that_ran_with_the_release_goes_to_a_person(git: Path, tools: Tools) -> None:
    hook = HOOK.replace("TAG", "{{ .Values.tag }}")
    commit(git, chart('"1.0"', hook))
    commit(git, chart('"1.1"', hook))
    result = planned(git, bad(), tools=tools)
    assert result.decision == "escalate" and not result.changes
    assert "Job shop/prepare" in result.reason and "hook" in result.reason


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("migrations/0002.sql", "ALTER TABLE x;\n", "a migration"),
        ("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: m}\n", "Job"),
        ("db.yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: m}\n", "StatefulSet"),
        (
            "claim.yaml",
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: m}\n",
            "PersistentVolumeClaim",
        ),
        ("crd.json", '{"kind": "CustomResourceDefinition"}\n', "CustomResourceDefinition"),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_what_cannot_be_gone_back_on_is_named(
    git: Path, path: str, text: str, named: str, later: bool
) -> None:
    commit(git, {"cart.yaml": DEPLOYMENT})
    released = {"cart.yaml": DEPLOYMENT.replace("cart:1.0", "cart:1.1")}
    if later:
        commit(git, released)
        commit(git, {path: text})
    else:
        commit(git, {**released, path: text})
    result = planned(git, bad())
    assert result.decision == "escalate" and not result.changes
    assert path in result.reason and named in result.reason


def test_a_claim_beside_it_that_did_not_change_is_no_obstacle(git: Path) -> None:
    claim = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: m, namespace: shop}\n"
    commit(git, {"cart.yaml": DEPLOYMENT + claim})
    commit(git, {"cart.yaml": DEPLOYMENT.replace("cart:1.0", "cart:1.1") + claim})
    assert planned(git, bad()).decision == "propose"


def test_a_later_change_of_the_same_lines_is_a_conflict(git: Path) -> None:
    commit(git, {"cart.yaml": DEPLOYMENT})
    released = DEPLOYMENT.replace("cart:1.0 # the robot", "cart:1.1")
    commit(git, {"cart.yaml": released})
    # Only a comment: it does not change what the pods run as, and stands on the very line.
    commit(git, {"cart.yaml": released.replace("cart:1.1", "cart:1.1 # pinned")})
    result = planned(git, bad())
    assert result.decision == "escalate" and not result.changes
    assert "cart.yaml was changed since" in result.reason


def test_two_releases_since_the_good_one_go_back_together(git: Path) -> None:
    commit(git, {"cart.yaml": DEPLOYMENT})
    first = commit(git, {"cart.yaml": DEPLOYMENT.replace("cart:1.0", "cart:1.1")})
    second = commit(git, {"cart.yaml": RELEASED.replace("cart:1.1", "cart:1.2")})
    result = planned(git, bad())
    assert result.decision == "propose", result.reason
    assert first[:12] in result.reason and second[:12] in result.reason
    assert result.changes[0].after == DEPLOYMENT.encode()


def test_a_commit_that_released_others_too_is_reverted_for_this_one_alone(git: Path, tools: Tools) -> None:
    other = DEPLOYMENT.replace("cart", "pay")
    base = {
        "kustomization.yaml": "resources: [cart.yaml, pay.yaml]\n",
        "cart.yaml": DEPLOYMENT,
        "pay.yaml": other,
    }
    commit(git, base)
    commit(git, {"cart.yaml": RELEASED, "pay.yaml": other.replace("pay:1.0", "pay:1.1")})
    result = planned(git, bad(), tools=tools)
    assert result.decision == "propose", result.reason
    assert {change.path: change.after for change in result.changes} == {"cart.yaml": DEPLOYMENT.encode()}
    assert "Deployment shop/pay" in result.reason


def test_without_history_only_an_image_that_differs_alone_goes_back(tmp_path: Path, git: Path) -> None:
    (tmp_path / "cart.yaml").write_text(RELEASED)
    tree = FolderTree(tmp_path)
    for analysis, decision in ((bad(alone=True), "propose"), (bad(), "escalate")):
        result = plan(tree, analysis, settings=Settings(), now=NOW, path="cart.yaml")
        assert result.decision == decision, result.reason
        assert bool(result.changes) == (decision == "propose")
    commit(git, {"cart.yaml": RELEASED})
    shallow = planned(git, bad())
    assert shallow.decision == "escalate" and "history" in shallow.reason


def test_a_stateful_set_goes_to_a_person(git: Path) -> None:
    text = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet")
    commit(git, {"cart.yaml": text})
    commit(git, {"cart.yaml": text.replace("cart:1.0", "cart:1.1")})
    result = planned(git, bad(object=CART.model_copy(update={"kind": "StatefulSet"}), alone=True))
    assert result.decision == "escalate" and "StatefulSet shop/cart" in result.reason


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\r\n"]), max_size=8).map(b"".join)


@given(LINES, LINES)
def test_a_merge_with_no_other_change_is_that_change(base: bytes, changed: bytes) -> None:
    assert merged(base, base, changed) == changed
    assert merged(base, changed, base) == changed
    assert merged(base, changed, changed) == changed


@given(LINES, LINES, LINES)
def test_a_merge_says_the_same_from_both_sides(base: bytes, left: bytes, right: bytes) -> None:
    def tried(*sides: bytes) -> bytes | None:
        try:
            return merged(base, *sides)
        except Overlap:
            return None

    assert tried(left, right) == tried(right, left)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y/z", "~"]), inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"name": st.sampled_from(["p", "q", "r"]), "v": inner}), max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_the_differing_fields_lead_from_one_state_to_the_other(old: Any, new: Any) -> None:
    from selfheal.cluster import pointer
    from selfheal.repair.edits.data import same, with_removed, with_set

    now: Any = {"at": old}
    for field, _was, value in differing({"at": old}, {"at": new}):
        path = pointer.parts(field)
        now = with_removed(now, path) if value is ABSENT else with_set(now, path, value)
    assert same(now, {"at": new})
