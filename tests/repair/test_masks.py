"""Templates edited as YAML: what is literal changes, actions stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.incidents.record import ObjectRef
from selfheal.repair.goal import Goal
from selfheal.repair.sources.masks import edits, masked

TEMPLATE = """\
{{- if .Values.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.name" . }}
spec:
  template:
    metadata:
      labels:
        {{- include "shop.labels" . | nindent 8 }}
        tier: front
    spec:
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image }}:1.0" # the program
          args: ["serve", "--port={{ .Values.port }}"]
          command:
            - /bin/cart
            - --loud
          ports: [{containerPort: 8081, name: http}]
          env:
            {{- range $name, $value := .Values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          resources:
            {{- with .Values.resources }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- if .Values.probe }}
          readinessProbe:
            httpGet: {path: /ready, port: http}
          {{- end }}
      affinity:
        nodeAffinity: {required: [{key: disk, values: [sssd]}]}
{{- end }}
"""
BOX = {"name": "shop", "image": "cart:1.0", "args": ["serve", "--port=80"], "command": ["/bin/cart", "--loud"],
       "ports": [{"containerPort": 8081, "name": "http"}], "env": [{"name": "A", "value": "1"}],
       "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}  # fmt: skip
OBJ = {"kind": "Deployment", "metadata": {"name": "shop-cart"},
       "spec": {"template": {"spec": {"containers": [BOX]}}}}  # fmt: skip
REF = ObjectRef(kind="Deployment", namespace="shop", name="shop-cart")
SPEC = "/spec/template/spec"
SHOP = f"{SPEC}/containers/name=shop"


def first(field: str, value: object, before: object = None, op: str = "set", text: str = TEMPLATE) -> str:
    goal = Goal(REF, field, op, value, before, "a test")  # type: ignore[arg-type]  # op is one of the two
    return next(edits(text, [goal], OBJ), "")


@pytest.mark.parametrize(
    ("field", "before", "value", "old", "new"),
    [
        (f"{SHOP}/ports/0/containerPort", 8081, 8080, "{containerPort: 8081,", "{containerPort: 8080,"),
        (f"{SPEC}/affinity/nodeAffinity/required/0/values/0", "sssd", "ssd", "[sssd]", "[ssd]"),
        (f"{SHOP}/image", "cart:1.0", "cart:0.9", "}}:1.0\" #", "}}:0.9\" #"),
        (f"{SHOP}/args/1", "--port=80", "--listen=80", "\"--port={{", "\"--listen={{"),
        (f"{SHOP}/command", ["/bin/cart", "--loud"], ["/bin/cart"], "            - --loud\n", ""),
        (f"{SHOP}/readinessProbe/httpGet/path", "/ready", "/live", "path: /ready", "path: /live"),
    ],
)  # fmt: skip
def test_a_literal_is_edited_with_its_structure_known(
    field: str, before: object, value: object, old: str, new: str
) -> None:
    assert first(field, value, before) == TEMPLATE.replace(old, new)


def test_a_key_goes_behind_what_actions_make_of_the_last_one() -> None:
    changed = first(f"{SHOP}/workingDir", "/srv")
    lines = changed.splitlines()
    place = lines.index("          workingDir: /srv")
    assert lines[:place] + lines[place + 1 :] == TEMPLATE.splitlines()
    assert "toYaml" not in lines[place + 1]


@pytest.mark.parametrize(
    ("field", "before", "value"),
    [
        (f"{SHOP}/name", "shop", "cart"),
        (f"{SHOP}/resources/limits", None, {"memory": "1Gi"}),
        (f"{SHOP}/args", ["serve", "--port=80"], ["serve"]),
    ],
)
def test_an_action_is_never_written_over(field: str, before: object, value: object) -> None:
    assert first(field, value, before) == ""


def test_what_is_not_laid_out_like_yaml_is_left_alone() -> None:
    assert first(f"{SHOP}/x", 1, text="kind: Deployment\n  {{ x }}: [\n") == ""


def test_a_template_whose_actions_do_not_end_is_left_alone() -> None:
    assert first(f"{SHOP}/ports/0/containerPort", 8080, 8081, text=TEMPLATE + "{{ if x\n" * 50_000) == ""


def test_the_document_with_the_name_is_edited() -> None:
    pair = (
        "kind: Deployment\nmetadata: {name: other}\nspec: {replicas: 1}\n---\n"
        "kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-cart\nspec: {replicas: 1}\n"
    )
    assert first("/spec/replicas", 2, 1, text=pair).count("replicas: 2") == 1
    assert first("/spec/replicas", 2, 1, text=pair).endswith("replicas: 2}\n")


PIECES = [
    "{{ a }}",
    "{{- if b }}",
    "{{/* c\nd */}}",
    "key:",
    "value",
    "- ",
    "\n",
    "\r\n",
    "  ",
    '"',
    "{",
    "}",
    "#",
    ": ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_a_masked_template_is_restored_to_the_byte(text: str) -> None:
    hidden = masked(text)
    assert hidden.keeps(hidden.text)
    assert hidden.restored(hidden.text) == text
