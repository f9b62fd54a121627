"""Helm: values that reach a field by a detour, and edits that would reach too far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef
from selfheal.repair.environments import Relatives
from selfheal.repair.locate import Located, Locator
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.foldertree import FolderTree
from tests.repair.support import found, solved

Make = Callable[[dict[str, str]], FolderTree]
CART = ObjectRef(kind="Deployment", namespace="shop", name="shop-cart")
BOX = "/spec/template/spec/containers/name=app"
CHART, VALUES, TEMPLATE = "chart/Chart.yaml", "chart/values.yaml", "chart/templates/cart.yaml"
ABOUT = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


def workload(body: str, name: str = "{{ .Release.Name }}-cart") -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector: {{matchLabels: {{app: cart}}}}
  template:
    metadata: {{labels: {{app: cart}}}}
    spec:
      containers:
      - name: app
        image: acme/cart:1
{body}"""


def chart(values: str, body: str) -> dict[str, str]:
    return {CHART: ABOUT, VALUES: values, TEMPLATE: workload(body)}


HOST, PORT = f"{BOX}/env/name=HOST/value", f"{BOX}/ports/0/containerPort"
AFFINITY = "/spec/template/spec/affinity/nodeAffinity"
TERMS = f"{AFFINITY}/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/0"


@pytest.mark.parametrize(
    ("values", "body", "wanted", "path", "old", "new"),
    [
        ("zone: example.org\nhost: 'bd.{{ .Values.zone }}'\n", "        env: [{name: HOST, value: {{ tpl .Values.host . | quote }}}]\n",
         [(HOST, "db.example.org")], VALUES, "bd.", "db."),
        ("env:\n- HOST=bd\n",
         "        env:\n        {{- range .Values.env }}\n        - name: {{ (split \"=\" .)._0 }}\n"
         "          value: {{ (split \"=\" .)._1 }}\n        {{- end }}\n",
         [(HOST, "db")], VALUES, "HOST=bd", "HOST=db"),
        ("host: true\n", "        env: [{name: HOST, value: {{ .Values.host | quote }}}]\n", [(HOST, "false")], VALUES, "true", "false"),
        ("probe: {enabled: false, path: /ready}\n",
         "        {{- if .Values.probe.enabled }}\n        readinessProbe:\n          httpGet: {path: {{ .Values.probe.path }}, port: 80}\n"
         "        {{- end }}\n",
         [(f"{BOX}/readinessProbe", {"httpGet": {"path": "/ready", "port": 80}})], VALUES, "false", "true"),
        ("x: 1\n", "        ports: [{containerPort: {{ .Values.port | default 8081 }}}]\n", [(PORT, 8080)], TEMPLATE, "8081", "8080"),
        ("x: 1\n", "        env: [{name: HOST, value: {{ default \"bd\" .Values.host }}}]\n", [(HOST, "db")], TEMPLATE, '"bd"', '"db"'),
        ("limits: &all {memory: 64Mi}\nother: *all\nresources:\n  limits: *all\n", "        resources: {{ toJson .Values.resources }}\n",
         [(f"{BOX}/resources/limits/memory", "128Mi")], VALUES, "limits: *all", "limits:\n    memory: 128Mi"),
        ("port: 80\nport: 8081\n", "        ports: [{containerPort: {{ .Values.port }}}]\n", [(PORT, 8080)], VALUES, "8081", "8080"),
        ("x: 1\n",
         "      affinity:\n        nodeAffinity:\n          requiredDuringSchedulingIgnoredDuringExecution:\n            nodeSelectorTerms:\n"
         "            - matchExpressions:\n              - {key: disk, operator: In, values: [sssd]}\n",
         [(f"{TERMS}/values/0", "ssd")], TEMPLATE, "sssd", "ssd"),
        ("x: 1\n", "        env:\n        - name: HOST\n          value: db\n",
         [(f"{BOX}/env/name=PORT", {"name": "PORT", "value": "80"})], TEMPLATE,
         "          value: db\n", "          value: db\n        - name: PORT\n          value: \"80\"\n"),
    ],
)  # fmt: skip
def test_the_detour_is_followed(
    repository: Make,
    tools: Tools,
    values: str,
    body: str,
    wanted: list[tuple[Any, ...]],
    path: str,
    old: str,
    new: str,
) -> None:
    files = chart(values, body)
    assert solved(repository(files), tools, CART, *wanted) == {path: files[path].replace(old, new)}


@pytest.mark.parametrize(
    ("values", "port"),
    [("work:\n  cart: {port: 8081}\n  web: {port: 8081}\n", "range $name, $item := .Values.work"),
     ("work:\n- {name: cart, port: 8081}\n- {name: web, port: 8081}\n", "range $item := .Values.work")],
)  # fmt: skip
def test_one_of_several_workloads_of_a_range_is_edited(
    repository: Make, tools: Tools, values: str, port: str
) -> None:
    name = "$name" if "$name" in port else "$item.name"
    body = workload(
        "        ports: [{containerPort: {{ $item.port }}}]\n", f"{{{{ $.Release.Name }}}}-{{{{ {name} }}}}"
    )
    tree = repository(
        {CHART: ABOUT, VALUES: values, TEMPLATE: f"{{{{- {port} }}}}\n---\n{body}{{{{- end }}}}\n"}
    )
    assert solved(tree, tools, CART, (PORT, 8080)) == {VALUES: values.replace("8081", "8080", 1)}


def test_a_subchart_under_an_alias_is_edited_under_that_name(repository: Make, tools: Tools) -> None:
    values = "store:\n  port: 5433\npg:\n  port: 5433\n"
    files = {
        CHART: ABOUT + "dependencies:\n- {name: pg, alias: store, version: 1.0.0}\n", VALUES: values,
        "chart/charts/pg/Chart.yaml": ABOUT.replace("shop", "pg"), "chart/charts/pg/values.yaml": "port: 5433\n",
        "chart/charts/pg/templates/cart.yaml": workload("        ports: [{containerPort: {{ .Values.port }}}]\n"),
    }  # fmt: skip
    assert solved(repository(files), tools, CART, (PORT, 5432)) == {VALUES: values.replace("5433", "5432", 1)}


def test_a_value_that_two_workloads_use_is_not_changed_for_one(repository: Make, tools: Tools) -> None:
    body = "        ports: [{containerPort: {{ .Values.port }}}]\n"
    files = chart("port: 8081\n", body) | {"chart/templates/other.yaml": workload(body, "other")}
    with pytest.raises(AssertionError):
        solved(repository(files), tools, CART, (PORT, 8080))


@pytest.mark.parametrize(("most", "fits"), [(9000, True), (8080, False)])
def test_a_value_that_the_charts_schema_refuses_is_not_set(
    repository: Make, tools: Tools, most: int, fits: bool
) -> None:
    files = chart("port: 8070\n", "        ports: [{containerPort: {{ .Values.port }}}]\n")
    schema = f'{{"properties": {{"port": {{"type": "integer", "maximum": {most}}}}}}}'
    tree = repository(files | {"chart/values.schema.json": schema})
    if fits:
        assert list(solved(tree, tools, CART, (PORT, 8081))) == [VALUES]
    else:
        with pytest.raises(AssertionError, match="maximum"):
            solved(tree, tools, CART, (PORT, 8081))


def test_the_running_object_tells_its_release_and_its_values(repository: Make, tools: Tools) -> None:
    """Two environments in one namespace, under names that do not follow from the chart's."""
    body = workload(
        "        ports: [{containerPort: {{ .Values.port }}}]\n        env: [{name: R, value: {{ .Release.Name }}}]\n",
        "{{ .Values.title }}",
    )
    files = {CHART: ABOUT, VALUES: "port: 80\ntitle: shop-cart\n", TEMPLATE: body,
             "chart/values-prod.yaml": "{}\n", "chart/values-staging.yaml": "{}\n"}  # fmt: skip
    view = View(repository(files))

    def live(annotations: dict[str, str]) -> Located:
        obj = {
            "kind": "Deployment",
            "metadata": {"name": "shop-cart", "namespace": "shop", "annotations": annotations},
        }
        return Locator(view, tools, live=lambda ref: obj if ref == CART else None).find([CART], "")

    unit = live({"meta.helm.sh/release-name": "blue-staging"}).unit
    assert (unit.release, unit.values) == ("blue-staging", ("chart/values-staging.yaml",))
    with pytest.raises(NeedsPerson, match="Several places"):
        live({"meta.helm.sh/release-name": "blue"})


def test_files_of_values_that_count_together_are_found(repository: Make, tools: Tools) -> None:
    files = chart("port: 80\nhost: a\n", "        ports: [{containerPort: {{ .Values.port }}}]\n") | {
        "chart/values-common.yaml": "port: 8080\n",
        "chart/values-prod.yaml": "image: acme/cart:2\nport: 9090\n",
        "chart/values-test.yaml": "image: acme/cart:3\n",
    }
    files[TEMPLATE] = files[TEMPLATE].replace("acme/cart:1", '{{ .Values.image | default "acme/cart:1" }}')
    view = View(repository(files))
    box = {"name": "app", "image": "acme/cart:3", "ports": [{"containerPort": 8080}]}
    obj = {
        "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "shop-cart", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "cart"}},
                 "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [box]}}},
    }  # fmt: skip
    unit = Locator(view, tools, live=lambda ref: obj if ref == CART else None).find([CART], "").unit
    assert set(unit.values) == {"chart/values-common.yaml", "chart/values-test.yaml"}


def test_a_dependency_that_lies_beside_the_chart_is_edited_where_it_lies(
    repository: Make, tools: Tools
) -> None:
    files = {
        "umbrella/Chart.yaml": ABOUT + "dependencies:\n- {name: cart, alias: basket, version: 1.0.0, repository: 'file://../parts/cart'}\n",
        "umbrella/values.yaml": "basket:\n  port: 8081\n",
        "parts/cart/Chart.yaml": ABOUT.replace("shop", "cart"),
        "parts/cart/values.yaml": "port: 80\nhost: bd\n",
        "parts/cart/templates/cart.yaml": workload(
            "        ports: [{containerPort: {{ .Values.port }}}]\n        env: [{name: HOST, value: {{ .Values.host }}}]\n"
        ),
    }  # fmt: skip
    tree = repository(files)
    for wanted, path, old, new in (
        ((PORT, 8080), "umbrella/values.yaml", "8081", "8080"),
        ((HOST, "db"), "parts/cart/values.yaml", "bd", "db"),
        ((f"{BOX}/image", "acme/cart:2"), "parts/cart/templates/cart.yaml", "cart:1", "cart:2"),
    ):
        assert solved(tree, tools, CART, wanted) == {path: files[path].replace(old, new)}
    other = {path.replace("umbrella", "kiosk"): text.replace("8081", "9090") for path, text in files.items()}
    tree = repository(files | other)
    locator, located = found(tree, CART, tools, path="umbrella")
    changes = {"parts/cart/values.yaml": b"port: 80\nhost: db\n"}
    assert [unit.path for unit in Relatives(locator, located, ()).reached(changes)] == ["kiosk"]


@pytest.mark.parametrize(
    ("values", "line", "wanted", "new"),
    [
        ("config:\n  db-host: db\n", "{{- toYaml .Values.config | nindent 2 }}", ("/data/db-port", "5432"), 'config:\n  db-host: db\n  db-port: "5432"\n'),
        ("config:\n  dbHost: db\n",
         "{{- range $key, $item := .Values.config }}\n  {{ $key | snakecase | upper }}: {{ $item | quote }}\n  {{- end }}",
         ("/data/DB_PORT", "5432"), 'config:\n  dbHost: db\n  dbPort: "5432"\n'),
        ("config:\n  dbHost: db\n  extra: 'on'\n",
         "{{- range $key, $item := .Values.config }}\n  {{ $key | snakecase | upper }}: {{ $item | quote }}\n  {{- end }}",
         ("/data/EXTRA", None, "remove"), "config:\n  dbHost: db\n"),
    ],
)  # fmt: skip
def test_a_key_of_a_config_map_is_an_entry_of_the_map_it_is_made_of(
    repository: Make, tools: Tools, values: str, line: str, wanted: tuple[Any, ...], new: str
) -> None:
    template = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {{{{ .Release.Name }}}}-cart}}\ndata:\n  {line}\n"
    tree = repository({CHART: ABOUT, VALUES: values, "chart/templates/config.yaml": template})
    ref = ObjectRef(kind="ConfigMap", namespace="shop", name="shop-cart")
    assert solved(tree, tools, ref, wanted) == {VALUES: new}


def test_a_file_of_values_may_be_named_as_the_path(repository: Make, tools: Tools) -> None:
    files = chart("port: 80\n", "        ports: [{containerPort: {{ .Values.port }}}]\n")
    tree = repository(files | {"chart/values-prod.yaml": "other: 1\n"})
    located = found(tree, CART, tools, path="chart/values-prod.yaml")[1]
    assert located.unit.values == ("chart/values-prod.yaml",)
