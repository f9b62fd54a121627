"""Argo CD and Flux objects: what they say is rendered as they would, and edited where it decides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef
from selfheal.repair.sources.gitops import hints
from selfheal.repair.sources.rows import filled, rows
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree
from tests.repair.support import found, solved

Make = Callable[[dict[str, str]], FolderTree]
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")
BOX = "/spec/template/spec/containers/name=app"
MANIFEST = """\
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
      - name: app
        image: acme/cart:1.0
        env: [{name: MODE, value: fast}]
"""
TEMPLATE = MANIFEST.replace("name: cart\n", "name: {{ .Release.Name }}\n", 1).replace(
    "replicas: 1", "replicas: {{ .Values.size.count }}"
)
BASE = {"apps/cart/kustomization.yaml": "resources: [cart.yaml]\n", "apps/cart/cart.yaml": MANIFEST}
CHART = {
    "charts/cart/Chart.yaml": "apiVersion: v2\nname: chart-of-carts\nversion: 1.0.0\n",
    "charts/cart/values.yaml": "size: {count: 1}\n",
    "charts/cart/templates/cart.yaml": TEMPLATE,
}
FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: cart, namespace: flux-system}
spec:
  path: ./apps/cart
  targetNamespace: shop
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: cart, namespace: shop}
spec:
  chart:
    spec:
      chart: ./charts/cart
      sourceRef: {kind: GitRepository, name: deploy}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: cart, namespace: argocd}
spec:
  destination: {namespace: shop, server: "https://kubernetes.default.svc"}
  source:
    repoURL: https://git.example.org/deploy.git
    path: %s
"""


# Flux Kustomization


@pytest.mark.parametrize(
    ("laid", "field", "value", "old", "new"),
    [
        ("  images:\n  - name: acme/cart\n    newTag: '9.9'\n", f"{BOX}/image", "acme/cart:1.1", "'9.9'", "'1.1'"),
        ("  patches:\n  - target: {kind: Deployment, name: cart}\n    patch: |\n      - op: replace\n        path: /spec/replicas\n"
         "        value: 0\n", "/spec/replicas", 2, "value: 0", "value: 2"),
        ("  patches:\n  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: cart}\n"
         "      spec: {replicas: 0}\n", "/spec/replicas", 2, "replicas: 0", "replicas: 2"),
    ],
)  # fmt: skip
def test_what_flux_lays_over_a_folder_is_edited_in_its_manifest(
    repository: Make, tools: Tools, laid: str, field: str, value: object, old: str, new: str
) -> None:
    manifest = "# other\nkind: X\nmetadata: {name: x}\n---\n" + FLUX + laid
    tree = repository(BASE | {"clusters/one/cart.yaml": manifest})
    assert found(tree, CART, tools)[1].unit.origin == "Flux Kustomization clusters/one/cart.yaml"
    assert solved(tree, tools, CART, (field, value)) == {"clusters/one/cart.yaml": manifest.replace(old, new)}


@pytest.mark.parametrize("made", [False, True])
def test_below_what_flux_lays_over_it_the_folder_is_edited(
    repository: Make, tools: Tools, made: bool
) -> None:
    """Whether the folder has a kustomization of its own or Flux makes one."""
    files = {path: text for path, text in BASE.items() if not made or "kustomization" not in path}
    tree = repository(files | {"flux.yaml": FLUX + "  namePrefix: live-\n"})
    ref = CART.model_copy(update={"name": "live-cart"})
    assert solved(tree, tools, ref, (f"{BOX}/env/name=MODE/value", "slow")) == {
        "apps/cart/cart.yaml": MANIFEST.replace("fast", "slow")
    }


FILLED = MANIFEST.replace("acme/cart:1.0", "acme/${name}:${tag}").replace(
    "replicas: 1", "replicas: ${size:=0}"
)
VARIABLES = "  postBuild:\n    substitute:\n      name: cart\n      tag: '9.9'\n    substituteFrom:\n    - {kind: ConfigMap, name: vars}\n"
VARS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: flux-system}\ndata:\n  size: '0'\n  tag: '1.0'\n"


def test_a_variable_is_changed_where_its_value_stands(repository: Make, tools: Tools) -> None:
    files = BASE | {"apps/cart/cart.yaml": FILLED, "flux/cart.yaml": FLUX + VARIABLES, "flux/vars.yaml": VARS}
    tree = repository(files)
    assert solved(tree, tools, CART, (f"{BOX}/image", "acme/cart:1.1")) == {
        "flux/cart.yaml": files["flux/cart.yaml"].replace("9.9", "1.1")
    }
    assert solved(tree, tools, CART, ("/spec/replicas", 3)) == {"flux/vars.yaml": VARS.replace("'0'", "'3'")}


def test_a_variable_that_nobody_gives_is_not_written_over(repository: Make, tools: Tools) -> None:
    secret = (
        FLUX
        + "  postBuild:\n    substituteFrom:\n    - {kind: Secret, name: vars}\n    substitute: {name: cart}\n"
    )
    tree = repository(BASE | {"apps/cart/cart.yaml": FILLED, "flux/cart.yaml": secret})
    _, located = found(tree, CART, tools)
    image = located.objects[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "acme/cart:${tag}"
    with pytest.raises(AssertionError):
        solved(tree, tools, CART, (f"{BOX}/image", "acme/cart:1.1"))


# Flux HelmRelease


def test_a_release_is_named_as_flux_names_it(repository: Make, tools: Tools) -> None:
    moved = RELEASE.replace("namespace: shop", "namespace: flux-system") + "  targetNamespace: shop\n"
    tree = repository(CHART | {"flux/cart.yaml": moved})
    (unit,) = hints(View(tree), "shop")
    assert (unit.release, unit.namespace) == ("shop-cart", "shop")
    assert found(tree, CART.model_copy(update={"name": "shop-cart"}), tools)[1].unit == unit


def test_values_of_a_config_map_are_edited_in_its_manifest(repository: Make, tools: Tools) -> None:
    release = RELEASE + "  valuesFrom:\n  - {kind: ConfigMap, name: cart-values}\n"
    values = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cart-values, namespace: shop}\ndata:\n"
        "  values.yaml: |\n    size:\n      count: 0 # quiet\n"
    )
    files = CHART | {"flux/cart.yaml": release, "flux/values.yaml": values}
    wanted = ("/spec/replicas", 2)
    assert solved(repository(files), tools, CART, wanted) == {
        "flux/values.yaml": values.replace("count: 0", "count: 2")
    }


def test_values_of_a_generated_config_map_are_edited_in_their_file(repository: Make, tools: Tools) -> None:
    files = CHART | {
        "flux/cart.yaml": RELEASE + "  valuesFrom: [{kind: ConfigMap, name: cart-values}]\n",
        "flux/kustomization.yaml": "resources: [cart.yaml]\n"
        "configMapGenerator:\n- {name: cart-values, files: [values.yaml=cart-values.yaml]}\n",
        "flux/cart-values.yaml": "size: {count: 0}\n",
    }
    assert solved(repository(files), tools, CART, ("/spec/replicas", 2)) == {
        "flux/cart-values.yaml": "size: {count: 2}\n"
    }


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (RELEASE + "  valuesFrom: [{kind: Secret, name: cart-values}]\n", "values from Secret cart-values"),
        (RELEASE + "  postRenderers: [{kustomize: {images: [{name: a, newTag: b}]}}]\n", "postRenderers"),
        (RELEASE.replace("GitRepository", "HelmRepository").replace("./charts/cart", "carts"), "deploys carts, a chart that is not"),
        (APPLICATION % "charts/cart" + "    helm: {valueFiles: [nowhere.yaml]}\n", "reads nowhere.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_said(repository: Make, tools: Tools, manifest: str, told: str) -> None:
    files = CHART if "HelmRepository" not in manifest else {}
    with pytest.raises(NeedsPerson, match=told):
        found(repository(files | {"deploy.yaml": manifest}), CART, tools)


# Argo CD


@pytest.mark.parametrize(("value", "told"), [(2, "'2'"), (11, "'11'")])
def test_parameters_of_an_application_are_edited_there(
    repository: Make, tools: Tools, value: int, told: str
) -> None:
    manifest = (
        APPLICATION % "charts/cart"
        + "    helm:\n      parameters:\n      - {name: other, value: x}\n      - name: size.count\n        value: '0' # few\n"
    )
    tree = repository(CHART | {"argocd/cart.yaml": manifest})
    assert solved(tree, tools, CART, ("/spec/replicas", value)) == {
        "argocd/cart.yaml": manifest.replace("'0'", told)
    }


@pytest.mark.parametrize(
    ("laid", "field", "value", "old", "new"),
    [
        ("images: ['acme/cart:9.9']", f"{BOX}/image", "acme/cart:1.1", ":9.9", ":1.1"),
        ("images: ['acme/cart=acme/wagon:1.0']", f"{BOX}/image", "acme/cart:1.0", "'acme/cart=acme/wagon:1.0'", "'acme/cart:1.0'"),
        ("replicas: [{name: cart, count: 0}]", "/spec/replicas", 3, "count: 0", "count: 3"),
    ],
)  # fmt: skip
def test_what_an_application_lays_over_a_kustomization_is_edited_there(
    repository: Make, tools: Tools, laid: str, field: str, value: object, old: str, new: str
) -> None:
    manifest = APPLICATION % "apps/cart" + f"    kustomize:\n      {laid}\n"
    tree = repository(BASE | {"argocd/cart.yaml": manifest})
    assert solved(tree, tools, CART, (field, value)) == {"argocd/cart.yaml": manifest.replace(old, new)}


def test_an_application_tells_which_folder_of_manifests_counts(repository: Make, tools: Tools) -> None:
    files = {
        "live/cart.yaml": MANIFEST,
        "trial/cart.yaml": MANIFEST,
        "argocd/cart.yaml": APPLICATION % "live",
    }
    assert list(solved(repository(files), tools, CART, ("/spec/replicas", 3))) == ["live/cart.yaml"]


# ApplicationSets

SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: carts}
spec:
  %s
  template:
    metadata: {name: '%s'}
    spec:
      destination: {namespace: '%s'}
      source:
        path: %s
        helm: {releaseName: cart, valueFiles: ['%s']}
"""
STAGES = {f"stages/{name}.yaml": f"size: {{count: {count}}}\n" for name, count in (("live", 0), ("trial", 1))}


@pytest.mark.parametrize(
    "manifest",
    [
        SET % ("generators: [{list: {elements: [{stage: live, room: shop}, {stage: trial, room: lab}]}}]",
               "cart-{{stage}}", "{{room}}", "charts/cart", "/stages/{{stage}}.yaml"),
        SET % ("goTemplate: true\n  generators: [{list: {elements: [{at: {stage: live}, room: shop}, {at: {stage: trial}, room: lab}]}}]",
               "cart-{{ .at.stage }}", "{{ .room }}", "charts/cart", "/stages/{{ .at.stage }}.yaml"),
        SET % ("generators: [{git: {files: [{path: 'settings/*/config.json'}]}}]",
               "cart-{{path.basename}}", "{{room.name}}", "charts/cart", "/stages/{{path.basename}}.yaml"),
        SET % ("goTemplate: true\n  generators: [{matrix: {generators: [{git: {directories: [{path: 'charts/*'}]}}, "
               "{list: {elements: [{stage: live, room: shop}]}}]}}]",
               "{{ .path.basename }}-{{ .stage }}", "{{ .room }}", "'{{ index .path.segments 0 }}/{{ .path.basename }}'", "/stages/{{ .stage }}.yaml"),
    ],
    ids=["list", "list in Go's way", "files", "matrix"],
)  # fmt: skip
def test_the_applications_of_a_set_are_made_and_their_files_edited(
    repository: Make, tools: Tools, manifest: str
) -> None:
    settings = {f"settings/{name}/config.json": f'{{"room": {{"name": "{room}"}}}}'
                for name, room in (("live", "shop"), ("trial", "lab"))}  # fmt: skip
    tree = repository(CHART | STAGES | settings | {"argocd/carts.yaml": manifest})
    assert found(tree, CART, tools)[1].unit.values == ("stages/live.yaml",)
    assert solved(tree, tools, CART, ("/spec/replicas", 2)) == {"stages/live.yaml": "size: {count: 2}\n"}


def test_values_in_the_template_of_a_set_go_to_a_person(repository: Make, tools: Tools) -> None:
    manifest = SET % (
        "generators: [{list: {elements: [{room: shop}, {room: lab}]}}]",
        "{{room}}",
        "{{room}}",
        "charts/cart",
        "values.yaml",
    )
    manifest = manifest.replace("helm: {", "helm: {valuesObject: {size: {count: 0}}, ")
    with pytest.raises(NeedsPerson, match="counts for several Applications"):
        found(repository(CHART | {"argocd/carts.yaml": manifest}), CART, tools)


def test_generators_of_what_lies_outside_the_repository_say_nothing(repository: Make) -> None:
    view = View(repository({"apps/a/x.yaml": "a: 1\n", "apps/b/x.yaml": "a: 1\n"}))
    assert rows(view, {"clusters": {}}) == []
    directories = {"git": {"directories": [{"path": "apps/*"}, {"path": "apps/b", "exclude": True}]}}
    assert [row["path.basename"] for row in rows(view, directories)] == ["a"]
    assert filled("{{ .name }}/{{ .other }}", {"name": "x"}) is None
    assert filled({"project": "{{ other }}", "path": "{{name}}"}, {"name": "x"}) == {"path": "x"}
