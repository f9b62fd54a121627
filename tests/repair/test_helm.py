"""Helm: the value that decides a rendered field is found by trial, in the environment's own file where that is right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef
from selfheal.repair.contract import ContractBroken
from selfheal.repair.proof import proof_of
from selfheal.repair.sources import SourceUnreadable, Unit, source_for
from selfheal.repair.tools import RenderFailed, Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree
from tests.repair.support import found, goal, solved

Make = Callable[[dict[str, str]], FolderTree]
CART = ObjectRef(kind="Deployment", namespace="shop", name="shop-cart")
SPEC = "/spec/template/spec/containers/name=cart"
FILES = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: '2.0'\n",
    "chart/values.yaml": """\
# defaults
image:
  repository: ghcr.io/acme/cart
  tag: "1.0"
port: 8080
replicas: 1
resources:
  limits:
    memory: 64Mi
env:
- name: MODE
  value: fast
config:
  logLevel: info
cart: {}
""",
    "chart/values-prod.yaml": "# production\nreplicas: 3\nresources:\n  limits:\n    memory: 128Mi # measured\n",
    "chart/values-staging.yaml": "replicas: 2\n",
    "chart/files/rules.txt": "rule one\n",
    "chart/templates/_helpers.tpl": '{{- define "shop.labels" -}}\napp: cart\nchart: shop-1.0.0\n{{- end }}\n'
    '{{- define "shop.selector" -}}\napp: cart\n{{- end }}\n',
    "chart/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-cart
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      {{- include "shop.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "shop.labels" . | nindent 8 }}
      annotations:
        checksum/config: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}
    spec:
      containers:
        - name: cart
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          ports:
            - containerPort: {{ .Values.port }}
          env:
            {{- toYaml .Values.env | nindent 12 }}
          readinessProbe:
            httpGet: {path: /ready, port: 8080}
            timeoutSeconds: 2   # literal
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
          {{- with .Values.cart.securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
""",
    "chart/templates/service.yaml": """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-cart
spec:
  selector:
    app: cart
  ports:
    - port: 80
      targetPort: 9090
""",
    "chart/templates/config.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
data:
  {{- range $key, $value := .Values.config }}
  {{ $key | snakecase | upper }}: {{ $value | quote }}
  {{- end }}
  rules.txt: |
    {{- .Files.Get "files/rules.txt" | nindent 4 }}
""",
}
PROD = {"environment": "production"}


@pytest.mark.parametrize(
    ("field", "value", "path", "line"),
    [
        (f"{SPEC}/resources/limits/memory", "256Mi", "chart/values-prod.yaml", "    memory: 256Mi # measured"),
        (f"{SPEC}/image", "ghcr.io/acme/cart:0.9", "chart/values.yaml", '  tag: "0.9"'),
        ("/spec/replicas", 4, "chart/values-prod.yaml", "replicas: 4"),
        (f"{SPEC}/env/name=MODE/value", "slow", "chart/values.yaml", "  value: slow"),
        (f"{SPEC}/resources/requests", {"cpu": "100m"}, "chart/values-prod.yaml", "    cpu: 100m"),
        (f"{SPEC}/env/name=NEW/value", "x", "chart/values.yaml", "  value: x"),
        (f"{SPEC}/readinessProbe/timeoutSeconds", 5, "chart/templates/deployment.yaml", "            timeoutSeconds: 5   # literal"),
        (f"{SPEC}/readinessProbe/httpGet/path", "/live", "chart/templates/deployment.yaml", "            httpGet: {path: /live, port: 8080}"),
        (f"{SPEC}/securityContext/runAsUser", 1000, "chart/values.yaml", "    runAsUser: 1000"),
        (f"{SPEC}/startupProbe", {"httpGet": {"path": "/x", "port": 1}}, "chart/templates/deployment.yaml", "              path: /x"),
        ("/spec/progressDeadlineSeconds", 60, "chart/templates/deployment.yaml", "  progressDeadlineSeconds: 60"),
    ],
)  # fmt: skip
def test_the_value_that_decides_is_edited(
    repository: Make, tools: Tools, field: str, value: object, path: str, line: str
) -> None:
    files = solved(repository(FILES), tools, CART, (field, value), **PROD)
    if path not in files:
        # What no file says yet is said in the environment's own file.
        path = "chart/values-prod.yaml"
    assert list(files) == [path]
    assert line in files[path].splitlines()


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "path", "line"),
    [
        ("Service", "shop-cart", [("/spec/ports/0/targetPort", 8080)], "chart/templates/service.yaml", "      targetPort: 8080"),
        ("ConfigMap", "shop-config", [("/data/LOG_LEVEL", "debug")], "chart/values.yaml", "  logLevel: debug"),
        ("ConfigMap", "shop-config", [("/data/rules.txt", "rule two\n")], "chart/files/rules.txt", "rule two"),
        ("ConfigMap", "shop-config", [("/data/LOGLEVEL", "info"), ("/data/LOG_LEVEL", None, "remove")], "chart/values.yaml", "  loglevel: info"),
        ("Service", "shop-cart", [("/spec/selector/name", "cart"), ("/spec/selector/app", None, "remove")],
         "chart/templates/service.yaml", "    name: cart"),
    ],
)  # fmt: skip
def test_other_objects_of_the_release(
    repository: Make,
    tools: Tools,
    kind: str,
    name: str,
    wanted: list[tuple[object, ...]],
    path: str,
    line: str,
) -> None:
    ref = ObjectRef(kind=kind, namespace="shop", name=name)
    files = solved(repository(FILES), tools, ref, *wanted, **PROD)
    assert list(files) == [path] and line in files[path].splitlines()


def test_a_misspelled_variable_gets_its_name_back(repository: Make, tools: Tools) -> None:
    right = {"name": "MODES", "value": "fast"}
    wanted = [(f"{SPEC}/env/name=MODES", right), (f"{SPEC}/env/name=MODE", None, "remove")]
    files = solved(repository(FILES), tools, CART, *wanted, **PROD)
    assert files == {"chart/values.yaml": FILES["chart/values.yaml"].replace("name: MODE", "name: MODES")}


def test_a_wrong_helper_is_replaced_by_the_right_one(repository: Make, tools: Tools) -> None:
    service = FILES["chart/templates/service.yaml"].replace(
        "  selector:\n    app: cart\n", '  selector:\n    {{- include "shop.labels" . | nindent 4 }}\n'
    )
    ref = ObjectRef(kind="Service", namespace="shop", name="shop-cart")
    files = solved(
        repository(FILES | {"chart/templates/service.yaml": service}), tools, ref,
        ("/spec/selector/chart", None, "remove"), **PROD,
    )  # fmt: skip
    assert '{{- include "shop.selector" . | nindent 4 }}' in files["chart/templates/service.yaml"]


def test_a_value_that_two_objects_share_is_not_changed_for_one(repository: Make, tools: Tools) -> None:
    shared = FILES["chart/templates/service.yaml"].replace("9090", "{{ .Values.port }}")
    ref = ObjectRef(kind="Service", namespace="shop", name="shop-cart")
    with pytest.raises(AssertionError):
        solved(
            repository(FILES | {"chart/templates/service.yaml": shared}), tools, ref,
            ("/spec/ports/0/targetPort", 8081), **PROD,
        )  # fmt: skip


def test_argo_cd_says_which_values_and_which_release(repository: Make, tools: Tools) -> None:
    application = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop-live}
spec:
  source: {path: chart, helm: {releaseName: shop, valueFiles: [values.yaml, values-prod.yaml]}}
  destination: {namespace: shop}
"""
    tree = repository(FILES | {"argocd/shop.yaml": application})
    unit = found(tree, CART, tools)[1].unit
    assert (unit.values, unit.release) == (("chart/values.yaml", "chart/values-prod.yaml"), "shop")
    assert unit.origin == "Argo CD Application argocd/shop.yaml"


@pytest.mark.parametrize("as_text", [False, True])
def test_values_inside_a_manifest_are_edited_there(repository: Make, tools: Tools, as_text: bool) -> None:
    if as_text:
        manifest = (
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  source:\n    path: chart\n"
            "    helm:\n      values: |\n        resources:\n          limits:\n            memory: 96Mi # here\n"
            "  destination: {namespace: shop}\n"
        )
    else:
        manifest = (
            "# one\nkind: X\nmetadata: {name: x}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
            "metadata: {name: shop, namespace: shop}\nspec:\n  chart: {spec: {chart: ./chart}}\n  values:\n"
            "    resources:\n      limits:\n        memory: 96Mi # here\n"
        )
    tree = repository(FILES | {"deploy/release.yaml": manifest})
    files = solved(tree, tools, CART, (f"{SPEC}/resources/limits/memory", "192Mi"))
    assert files == {"deploy/release.yaml": manifest.replace("96Mi", "192Mi")}


def test_subcharts_are_edited_where_their_value_stands(repository: Make, tools: Tools) -> None:
    child = {
        path.replace("chart/", "umbrella/charts/cart/"): text
        for path, text in FILES.items()
        if "values-" not in path
    }
    child["umbrella/charts/cart/Chart.yaml"] = FILES["chart/Chart.yaml"].replace("name: shop", "name: cart")
    tree = repository(
        child
        | {"umbrella/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
           "umbrella/values.yaml": "cart:\n  replicas: 5\n",
           "umbrella/values-prod.yaml": "cart:\n  resources:\n    limits:\n      memory: 1Gi\n"}
    )  # fmt: skip
    assert solved(tree, tools, CART, (f"{SPEC}/resources/limits/memory", "2Gi"), **PROD) == {
        "umbrella/values-prod.yaml": "cart:\n  resources:\n    limits:\n      memory: 2Gi\n"
    }
    assert list(solved(tree, tools, CART, (f"{SPEC}/image", "ghcr.io/acme/cart:0.9"), **PROD)) == [
        "umbrella/charts/cart/values.yaml"
    ]


def test_what_varies_from_one_rendering_to_the_next_is_left_out_and_listed(
    repository: Make, tools: Tools
) -> None:
    dice = FILES["chart/templates/config.yaml"].replace(
        "\ndata:\n", "\ndata:\n  dice: {{ randAlphaNum 12 | quote }}\n"
    )
    deployment = FILES["chart/templates/deployment.yaml"].replace(
        '{{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}', "none"
    )
    tree = repository(
        FILES | {"chart/templates/config.yaml": dice, "chart/templates/deployment.yaml": deployment}
    )
    locator, located = found(tree, CART, tools, **PROD)
    wanted = [goal(located, CART, f"{SPEC}/resources/limits/memory", "256Mi")]
    changes = {"chart/values-prod.yaml": FILES["chart/values-prod.yaml"].replace("128Mi", "256Mi").encode()}
    proof = proof_of(locator, located, wanted, changes)
    assert proof.proven.varying == ("ConfigMap shop/shop-config /data/dice",)
    also = {"chart/values-prod.yaml": changes["chart/values-prod.yaml"] + b"port: 1\n"}
    with pytest.raises(ContractBroken):
        proof_of(locator, located, wanted, also)


def test_hooks_and_tests_are_no_part_of_what_is_deployed(repository: Make, tools: Tools) -> None:
    hook = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: t\n  annotations: {helm.sh/hook: test}\nspec: {containers: []}\n"
    tree = repository(FILES | {"chart/templates/tests/t.yaml": hook})
    kinds = {obj["kind"] for obj in found(tree, CART, tools, **PROD)[1].objects}
    assert kinds == {"Deployment", "Service", "ConfigMap"}


@pytest.mark.parametrize(
    "change",
    [
        {"chart/templates/config.yaml": "{{ .Values.missing.deeper }}"},
        {"chart/templates/config.yaml": "{{ fail \"no\" }}"},
        {"chart/Chart.yaml": FILES["chart/Chart.yaml"] + "dependencies: [{name: x, version: 1, repository: 'https://example.org'}]\n"},
        {"chart/templates/config.yaml": "a: {{"},
    ],
)  # fmt: skip
def test_a_chart_that_does_not_render_goes_to_a_person_with_the_reason(
    repository: Make, tools: Tools, change: dict[str, str]
) -> None:
    with pytest.raises(NeedsPerson) as caught:
        found(repository(FILES | change), CART, tools)
    assert "could not be rendered" in caught.value.message


def test_a_missing_values_file_is_refused(repository: Make, tools: Tools) -> None:
    unit = Unit("helm", "chart", values=("chart/nowhere.yaml",), release="shop")
    with pytest.raises(SourceUnreadable):
        source_for("helm", tools).render(View(repository(FILES)), unit)


def test_a_template_reaches_no_environment_file_or_host(
    repository: Make, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFHEAL_SIGNING_KEY", "canary-in-the-environment")
    (template := dict(FILES))["chart/templates/config.yaml"] = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata:\n"
        '  env: {{ (env "SELFHEAL_SIGNING_KEY") | quote }}\n'
    )
    with pytest.raises((NeedsPerson, RenderFailed)):
        found(repository(template), CART, tools)
    template["chart/templates/config.yaml"] = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata:\n"
        '  file: {{ .Files.Get "/etc/passwd" | quote }}\n  up: {{ .Files.Get "../../../../etc/passwd" | quote }}\n'
        '  host: {{ getHostByName "localhost" | quote }}\n  found: {{ (lookup "v1" "Secret" "shop" "") | toJson | quote }}\n'
    )
    objects = source_for("helm", tools).render(
        View(repository(template)), Unit("helm", "chart", release="shop")
    )
    data = next(obj["data"] for obj in objects if obj["kind"] == "ConfigMap")
    assert data == {"file": "", "up": "", "host": "", "found": "{}"}
