"""Kustomize: places that decide a field in ways that invite a wrong or a wide edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfheal.incidents.record import ObjectRef
from selfheal.repair.environments import Relatives
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from tests.repair.support import found, solved

Make = Callable[[dict[str, str]], FolderTree]
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")
CONFIG = ObjectRef(kind="ConfigMap", namespace="shop", name="settings")
BOX = "/spec/template/spec/containers/name=app"
OVERLAY = "overlays/prod/kustomization.yaml"


def workload(name: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{tier: back}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: app
        image: ghcr.io/acme/{name}:1.0
        env:
        - name: MODE
          value: fast
"""


BASE = {
    "base/kustomization.yaml": "resources: [cart.yaml, cards.yaml]\nconfigMapGenerator:\n- name: settings\n"
    "  literals: [HOST=db.base, LEVEL=2]\ngeneratorOptions: {disableNameSuffixHash: true}\n",
    "base/cart.yaml": workload("cart"),
    "base/cards.yaml": workload("cards"),
}
HEAD = "namespace: shop\nresources: [../../base]\n"


def patched(path: str, target: str = "name: cart", op: str = "replace", value: str = "0") -> str:
    return (
        f"patches:\n- target: {{kind: Deployment, {target}}}\n  patch: |-\n    - op: {op}\n      path: {path}\n"
        f"      value: {value}\n"
    )


@pytest.mark.parametrize(
    ("ref", "wanted", "overlay", "old", "new"),
    [
        (CART, [("/spec/replicas", 3)], patched("/spec/replicas"), "value: 0", "value: 3"),
        (CART, [("/spec/replicas", 3)], patched("/spec/replicas", "name: 'c.*t'"), "value: 0", "value: 3"),
        (CART, [("/spec/replicas", 3)],
         "patches:\n- target: {kind: Deployment, name: cart}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/replicas\", \"value\": 0}]'\n",
         '"value": 0', '"value": 3'),
        (CART, [(f"{BOX}/env/name=HOST/value", "db")],
         patched("/spec/template/spec/containers/0/env/-", op="add", value="{name: HOST, value: bd}"), "value: bd", "value: db"),
        (CART, [(f"{BOX}/env/name=HOST", {"name": "HOST", "value": "db"}), (f"{BOX}/env/name=HOSTT", None, "remove")],
         patched("/spec/template/spec/containers/0/env/-", op="add", value="{name: HOSTT, value: db}"), "HOSTT", "HOST"),
        (CART, [(f"{BOX}/image", "ghcr.io/acme/cart:1.0")],
         "images:\n- name: ghcr.io/acme/cart\n  newTag: '2.0'\n- name: ghcr.io/acme/cart\n  newTag: '3.0'\n", "'3.0'", "'1.0'"),
        (CART, [(f"{BOX}/image", "ghcr.io/acme/cart:1.0")],
         "images:\n- name: ghcr.io/acme/cart\n  newName: ghcr.io/acme/carts\n", "  newName: ghcr.io/acme/carts\n", ""),
        (CONFIG, [("/data/HOST", "db.prod")],
         "configMapGenerator:\n- name: settings\n  behavior: merge\n  literals:\n  - 'HOST=\"bd.prod\"'\n", "HOST=\"bd.prod\"", "HOST=db.prod"),
    ],
)  # fmt: skip
def test_the_overlay_is_edited_where_it_decides(
    repository: Make,
    tools: Tools,
    ref: ObjectRef,
    wanted: list[tuple[Any, ...]],
    overlay: str,
    old: str,
    new: str,
) -> None:
    files = solved(repository(BASE | {OVERLAY: HEAD + overlay}), tools, ref, *wanted, path="overlays/prod")
    assert files == {OVERLAY: HEAD + overlay.replace(old, new)}


def test_what_the_overlay_leaves_to_the_base_is_edited_there(repository: Make, tools: Tools) -> None:
    overlay = "configMapGenerator:\n- {name: settings, behavior: merge, literals: [HOST=db.prod]}\nnameSuffix: -v2\n"
    ref = ObjectRef(kind="ConfigMap", namespace="shop", name="settings-v2")
    files = solved(repository(BASE | {OVERLAY: HEAD + overlay}), tools, ref, ("/data/LEVEL", "3"))
    assert files == {"base/kustomization.yaml": BASE["base/kustomization.yaml"].replace("LEVEL=2", "LEVEL=3")}


@pytest.mark.parametrize("target", ["labelSelector: tier=back", "name: 'ca.*'"])
def test_a_patch_of_several_workloads_is_not_changed_for_one(
    repository: Make, tools: Tools, target: str
) -> None:
    overlay = HEAD + patched("/spec/replicas", target)
    files = solved(repository(BASE | {OVERLAY: overlay}), tools, CART, ("/spec/replicas", 3))
    assert files[OVERLAY].startswith(overlay) and "name: cart\n" in files[OVERLAY][len(overlay) :]


@pytest.mark.parametrize(
    "overlay",
    [
        # Copied from another object, whatever is written here.
        "replacements:\n- source: {kind: Deployment, name: cards, fieldPath: spec.replicas}\n"
        "  targets: [{select: {kind: Deployment, name: cart}, fieldPaths: [spec.replicas]}]\n",
        # One number for two workloads.
        "replicas:\n- {name: cart, count: &count 0}\n- {name: cards, count: *count}\n",
    ],
)
def test_what_has_no_place_of_its_own_goes_to_a_person(repository: Make, tools: Tools, overlay: str) -> None:
    with pytest.raises(AssertionError):
        solved(
            repository(BASE | {OVERLAY: HEAD + overlay}), tools, CART, ("/spec/replicas", 3), path="overlays/prod"
        )  # fmt: skip


def test_a_component_of_two_overlays_is_changed_for_both_and_that_is_told(
    repository: Make, tools: Tools
) -> None:
    component = (
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas:\n- {name: cart, count: 0}\n"
    )
    tree = repository(
        BASE
        | {OVERLAY: HEAD + "components: [../../size]\n", "size/kustomization.yaml": component,
           "overlays/dev/kustomization.yaml": "namespace: dev\nresources: [../../base]\ncomponents: [../../size]\n"}
    )  # fmt: skip
    files = solved(tree, tools, CART, ("/spec/replicas", 3))
    assert files == {"size/kustomization.yaml": component.replace("count: 0", "count: 3")}
    locator, located = found(tree, CART, tools)
    changes = {path: text.encode() for path, text in files.items()}
    assert [unit.path for unit in Relatives(locator, located, ()).reached(changes)] == ["overlays/dev"]
