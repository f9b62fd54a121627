"""Kustomize: the file that decides a rendered field is found, whatever decides it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef
from selfheal.repair.sources import SourceUnreadable, Unit, source_for
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree
from tests.repair.support import found, solved

Make = Callable[[dict[str, str]], FolderTree]
CART = ObjectRef(kind="Deployment", namespace="shop", name="prod-cart")
SPEC = "/spec/template/spec/containers/name=cart"
FILES = {
    "base/kustomization.yaml": "resources: [cart.yaml]\nconfigMapGenerator:\n- name: settings\n  literals:\n  - MODE=fast\n"
    "  - LEVEL=3\n  files:\n  - app.conf\n  envs: [extra.env]\n",
    "base/app.conf": "level = 1\n",
    "base/extra.env": "# extras\nREGION=eu\n",
    "base/cart.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: cart
        image: cart
        args: ["--port=80"]
        envFrom:
        - configMapRef: {name: settings}
        ports: [{containerPort: 80}]
        resources:
          limits: {memory: 64Mi}
        readinessProbe:
          httpGet: {path: /ready, port: 80}
""",
    "overlays/prod/kustomization.yaml": """\
namespace: shop
namePrefix: prod-
resources: [../../base]
images:
- name: cart   # bumped by a robot
  newName: ghcr.io/acme/cart
  newTag: "1.0"
replicas:
- name: cart
  count: 3
patches:
- path: memory.yaml
- target: {kind: Deployment, name: cart}
  patch: |-
    - op: replace
      path: /spec/template/spec/containers/0/args/0
      value: --port=8080
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: cart}
    spec: {template: {spec: {priorityClassName: high}}}
""",
    "overlays/prod/memory.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  template:
    spec:
      containers:
      - name: cart
        resources:
          limits:
            memory: 128Mi # production
""",
    "overlays/dev/kustomization.yaml": "namespace: shop-dev\nresources: [../../base]\n",
}


@pytest.mark.parametrize(
    ("field", "value", "path", "line"),
    [
        (f"{SPEC}/image", "ghcr.io/acme/cart:0.9", "overlays/prod/kustomization.yaml", '  newTag: "0.9"'),
        ("/spec/replicas", 4, "overlays/prod/kustomization.yaml", "  count: 4"),
        (f"{SPEC}/resources/limits/memory", "256Mi", "overlays/prod/memory.yaml", "            memory: 256Mi # production"),
        (f"{SPEC}/args/0", "--port=9090", "overlays/prod/kustomization.yaml", "      value: --port=9090"),
        ("/spec/template/spec/priorityClassName", "low", "overlays/prod/kustomization.yaml", "priorityClassName: low"),
        (f"{SPEC}/readinessProbe/httpGet/path", "/live", "base/cart.yaml", "          httpGet: {path: /live, port: 80}"),
        (f"{SPEC}/resources/requests/cpu", "100m", "overlays/prod/memory.yaml", "            cpu: 100m"),
    ],
)  # fmt: skip
def test_the_place_that_decides_is_edited(
    repository: Make, tools: Tools, field: str, value: object, path: str, line: str
) -> None:
    files = solved(repository(FILES), tools, CART, (field, value), path="overlays/prod")
    assert list(files) == [path]
    assert line in files[path]
    before, after = FILES[path].splitlines(), files[path].splitlines()
    assert len(set(after) - set(before)) <= 2 and len(after) - len(before) <= 2


@pytest.mark.parametrize(
    ("field", "value", "path", "line"),
    [
        ("/data/MODE", "slow", "base/kustomization.yaml", "  - MODE=slow"),
        ("/data/NEW", "x", "base/kustomization.yaml", "  - NEW=x"),
        ("/data/app.conf", "level = 2\n", "base/app.conf", "level = 2"),
        ("/data/REGION", "us", "base/extra.env", "REGION=us"),
    ],
)
def test_a_generated_config_map_is_edited_where_it_is_generated_and_its_new_name_is_followed(
    repository: Make, tools: Tools, field: str, value: str, path: str, line: str
) -> None:
    tree = repository(FILES)
    unit = Unit("kustomize", "overlays/prod")
    name = next(
        obj["metadata"]["name"]
        for obj in source_for("kustomize", tools).render(View(tree), unit)
        if obj["kind"] == "ConfigMap"
    )
    ref = ObjectRef(kind="ConfigMap", namespace="shop", name=name)
    files = solved(tree, tools, ref, (field, value), path="overlays/prod")
    assert list(files) == [path] and line in files[path].splitlines()


def test_a_generated_name_is_written_without_prefix_and_hash(repository: Make, tools: Tools) -> None:
    broken = FILES | {
        "base/cart.yaml": FILES["base/cart.yaml"].replace(
            "configMapRef: {name: settings}", "configMapRef: {name: setings}"
        )
    }
    tree = repository(broken)
    rendered = source_for("kustomize", tools).render(View(tree), Unit("kustomize", "overlays/prod"))
    name = next(obj["metadata"]["name"] for obj in rendered if obj["kind"] == "ConfigMap")
    assert name.startswith("prod-settings-")
    files = solved(tree, tools, CART, (f"{SPEC}/envFrom/0/configMapRef/name", name), path="overlays/prod")
    assert files == {"base/cart.yaml": FILES["base/cart.yaml"]}


def test_a_patch_that_takes_a_field_away_is_taken_away(repository: Make, tools: Tools) -> None:
    overlay = FILES["overlays/prod/kustomization.yaml"] + (
        "- target: {kind: Deployment}\n  patch: |-\n    - {op: remove, path: /spec/template/spec/containers/0/readinessProbe}\n"
        "    - {op: add, path: /metadata/labels, value: {a: b}}\n"
    )
    tree = repository(FILES | {"overlays/prod/kustomization.yaml": overlay})
    probe = {"httpGet": {"path": "/ready", "port": 80}}
    files = solved(tree, tools, CART, (f"{SPEC}/readinessProbe", probe), path="overlays/prod")
    assert "op: remove" not in files["overlays/prod/kustomization.yaml"]
    assert "op: add" in files["overlays/prod/kustomization.yaml"]


def test_a_misspelled_variable_gets_its_name_back(repository: Make, tools: Tools) -> None:
    base = FILES["base/cart.yaml"].replace(
        "        args:", "        env:\n        - name: MODE # how\n          value: fast\n        args:"
    )
    tree = repository(FILES | {"base/cart.yaml": base})
    right = {"name": "MODES", "value": "fast"}
    wanted = [(f"{SPEC}/env/name=MODES", right), (f"{SPEC}/env/name=MODE", None, "remove")]
    files = solved(tree, tools, CART, *wanted, path="overlays/prod")
    assert files == {"base/cart.yaml": base.replace("name: MODE #", "name: MODES #")}


def test_overlays_are_found_by_namespace_and_bases_are_no_deployments(repository: Make, tools: Tools) -> None:
    tree = repository(FILES)
    assert found(tree, CART, tools)[1].unit.path == "overlays/prod"
    dev = ObjectRef(kind="Deployment", namespace="shop-dev", name="cart")
    assert found(tree, dev, tools)[1].unit.path == "overlays/dev"


def test_components_and_flux_are_followed(repository: Make, tools: Tools) -> None:
    tree = repository(
        {
            "components/limits/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            "patches:\n- path: limits.yaml\n",
            "components/limits/limits.yaml": FILES["overlays/prod/memory.yaml"],
            "base/kustomization.yaml": "resources: [cart.yaml]\n",
            "base/cart.yaml": FILES["base/cart.yaml"],
            "clusters/one/kustomization.yaml": "namespace: shop\nresources: [../../base]\ncomponents: [../../components/limits]\n",
            "clusters/two/kustomization.yaml": "namespace: shop\nresources: [../../base]\n",
            "flux/apps.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\n"
            "spec: {path: ./clusters/one, targetNamespace: shop}\n",
        }
    )
    ref = ObjectRef(kind="Deployment", namespace="shop", name="cart")
    files = solved(tree, tools, ref, (f"{SPEC}/resources/limits/memory", "256Mi"))
    assert list(files) == ["components/limits/limits.yaml"]


def test_two_overlays_alike_are_both_named(repository: Make, tools: Tools) -> None:
    tree = repository(
        FILES
        | {"overlays/other/kustomization.yaml": FILES["overlays/prod/kustomization.yaml"],
           "overlays/other/memory.yaml": FILES["overlays/prod/memory.yaml"]}
    )  # fmt: skip
    with pytest.raises(NeedsPerson) as caught:
        found(tree, CART, tools)
    assert "overlays/other" in caught.value.message and "overlays/prod" in caught.value.message
    assert found(tree, CART, tools, environment="production")[1].unit.path == "overlays/prod"


@pytest.mark.parametrize(
    "content",
    [
        "resources: ['https://example.org/base?ref=main']\n",
        "resources: ['github.com/acme/base//deploy']\n",
        "resources: ['git@example.org:acme/base.git']\n",
        "resources: [../../../outside]\n",
        "resources: [/etc]\n",
        "resources: [missing.yaml]\n",
        "resources: [link.yaml]\n",
        "resources: [cart.yaml]\nhelmCharts: [{name: x, repo: 'https://example.org'}]\n",
        "resources: [cart.yaml]\ntransformers: [function.yaml]\n",
        "resources: [cart.yaml]\nconfigMapGenerator: [{name: a, files: ['../../../../etc/passwd']}]\n",
        "resources: [cart.yaml]\npatches: [{path: 'https://example.org/p.yaml'}]\n",
        "resources: [.]\n",
        "resources: [\n",
    ],
)
def test_what_would_leave_the_copy_is_refused_before_anything_runs(
    repository: Make, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = repository(
        {
            "app/kustomization.yaml": content,
            "app/cart.yaml": FILES["base/cart.yaml"],
            "app/function.yaml": "kind: X\nmetadata:\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./x}\n",
        }
    )
    (tree.directory / "app" / "link.yaml").symlink_to("/etc/hostname")
    tools = Tools()
    monkeypatch.setattr(tools, "run", lambda *_: pytest.fail("a renderer was started"))
    with pytest.raises(SourceUnreadable):
        source_for("kustomize", tools).render(View(tree), Unit("kustomize", "app"))
