"""Files that several environments share: whose value is changed, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from selfheal.config import Settings
from selfheal.incidents.record import Analysis, LastGood, ObjectRef, Target
from selfheal.repair.plan import RepairResult, plan
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from tests.repair import test_helm, test_kustomize

Make = Callable[[dict[str, str]], FolderTree]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def repaired(
    tree: FolderTree, tools: Tools, ref: ObjectRef, field: str, value: Any, fault: str
) -> RepairResult:
    """A plan for a fault whose field had ``value`` when it last worked; None: nobody knows what it had."""
    facts = {
        "field": field, "fields": [field], "image": "x", "running": [], "limit": "64Mi", "request": "", "last_good": [],
        "candidates": [], "word": "path", "what": "path", "origin": "", "timing": False,
    }  # fmt: skip
    analysis = Analysis(
        verdict="fault", fault=fault, object=ref, container="cart", facts=facts, summary="x",
        last_good=() if value is None else (LastGood(field=field, value=value, origin="ReplicaSet shop/cart-1"),),
    )  # fmt: skip
    target = Target(environment="production", namespace="shop")
    return plan(tree, analysis, settings=Settings(), tools=tools, target=target, now=NOW)


def test_a_value_wrong_for_all_is_mended_for_all_and_said(repository: Make, tools: Tools) -> None:
    files = test_kustomize.FILES | {
        "base/cart.yaml": test_kustomize.FILES["base/cart.yaml"].replace(
            "image: cart", "image: ghcr.io/acme/cart:1.0"
        ),
        "overlays/prod/kustomization.yaml": "namespace: shop\nnamePrefix: prod-\nresources: [../../base]\n",
    }
    field = f"{test_kustomize.SPEC}/image"
    result = repaired(
        repository(files), tools, test_kustomize.CART, field, "ghcr.io/acme/cart:0.9", "image-not-found"
    )
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["base/cart.yaml"]
    assert result.disclosed == ("kustomize overlays/dev",)
    assert "reaches other environments too: kustomize overlays/dev" in result.reason


def test_a_size_that_was_lowered_for_all_goes_back_for_all_and_that_is_said(
    repository: Make, tools: Tools
) -> None:
    files = test_kustomize.FILES | {
        "overlays/prod/kustomization.yaml": "namespace: shop\nnamePrefix: prod-\nresources:\n- ../../base\n"
    }
    field = f"{test_kustomize.SPEC}/resources/limits/memory"
    result = repaired(repository(files), tools, test_kustomize.CART, field, "256Mi", "oom-killed")
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["base/cart.yaml"]
    assert result.disclosed == ("kustomize overlays/dev",)


def test_a_raise_is_set_for_its_own_environment(repository: Make, tools: Tools) -> None:
    files = test_kustomize.FILES | {
        "overlays/prod/kustomization.yaml": "namespace: shop\nnamePrefix: prod-\nresources:\n- ../../base\n"
    }
    field = f"{test_kustomize.SPEC}/resources/limits/memory"
    result = repaired(repository(files), tools, test_kustomize.CART, field, None, "oom-killed")
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["overlays/prod/kustomization.yaml"]
    assert result.disclosed == ()


def test_a_raise_in_a_chart_is_set_in_the_environments_own_values(repository: Make, tools: Tools) -> None:
    files = test_helm.FILES | {"chart/values-prod.yaml": "# production\nreplicas: 3\n"}
    field = f"{test_helm.SPEC}/resources/limits/memory"
    result = repaired(repository(files), tools, test_helm.CART, field, None, "oom-killed")
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["chart/values-prod.yaml"]
    assert result.disclosed == ()


def test_a_chart_default_wrong_for_all_is_mended_there(repository: Make, tools: Tools) -> None:
    field = f"{test_helm.SPEC}/image"
    result = repaired(
        repository(test_helm.FILES), tools, test_helm.CART, field, "ghcr.io/acme/cart:0.9", "image-not-found"
    )
    assert result.decision == "propose", result.reason
    assert [change.path for change in result.changes] == ["chart/values.yaml"]
    assert any("values-staging" in name for name in result.disclosed)
