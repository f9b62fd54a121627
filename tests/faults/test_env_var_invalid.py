"""env-var-invalid: complaints in logs, held against the template and its past."""

from __future__ import annotations

from typing import Any

import pytest

from selfheal.faults.complaints import complaints
from selfheal.faults.env_var_invalid import EnvVarInvalid
from selfheal.faults.interface import Exact, LastGood
from tests.support.cluster import Cluster, container, crashing, running


def found(cluster: Cluster) -> list[Any]:
    return list(EnvVarInvalid().detect(cluster.snapshot(), None))


def with_env(*pairs: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"containers": [container(env=[{"name": name, "value": value} for name, value in pairs], **more)]}


def cluster_with(spec: dict[str, Any], line: str, before: dict[str, Any] | None = None) -> Cluster:
    cluster = Cluster()
    cluster.deployment("app", spec, status=crashing("Error", 1), before=before)
    cluster.log("app-new-0", "app", f"starting\n{line}\n", previous=True)
    return cluster


def test_bad_value() -> None:
    cluster = cluster_with(
        with_env(("THREADS", "auto")),
        'thread panicked: invalid THREADS: ParseIntError { kind: InvalidDigit } (value "auto")',
        with_env(("THREADS", "4")),
    )
    (finding,) = found(cluster)
    assert finding.variant == "value"
    assert finding.facts["last_good"][0] == {
        "field": "/spec/template/spec/containers/name=app/env/name=THREADS/value",
        "value": "4",
        "origin": "ReplicaSet shop/app-rs1",
    }


def test_value_only() -> None:
    line = "ValueError: invalid literal for int() with base 10: 'fast'"
    (finding,) = found(cluster_with(with_env(("A", "1"), ("TIMEOUT_S", "fast")), line))
    assert finding.facts["name"] == "TIMEOUT_S"


def test_missing() -> None:
    before = with_env(("DATABASE_URL", "postgres://db"), ("A", "1"))
    (finding,) = found(cluster_with(with_env(("A", "1")), "KeyError: 'DATABASE_URL'", before))
    assert finding.variant == "missing"
    (edit,) = EnvVarInvalid().remedy(finding).edits
    assert edit.field.endswith("/env/name=DATABASE_URL")


def test_misspelled() -> None:
    before = with_env(("DATABASE_URL", "postgres://db"))
    spec = with_env(("DATABSE_URL", "postgres://db"))
    (finding,) = found(
        cluster_with(spec, "Error: missing required environment variable DATABASE_URL", before)
    )
    assert (finding.variant, finding.facts["misspelled"]) == ("name", "DATABSE_URL")
    assert [edit.op for edit in EnvVarInvalid().remedy(finding).edits] == ["set", "remove"]


def test_misspelled_reference_without_an_older_template() -> None:
    """Which value it has is not seen, and need not be."""
    spec = with_env(("A", "1"))
    reference = {"secretKeyRef": {"name": "db", "key": "password"}}
    spec["containers"][0]["env"].append({"name": "DB_PASWORD", "valueFrom": reference})
    (finding,) = found(cluster_with(spec, "FATAL missing required environment variable DB_PASSWORD"))
    assert (finding.variant, finding.facts["misspelled"]) == ("name", "DB_PASWORD")


def test_shadowed() -> None:
    spec = with_env(("PORT", "8080"), ("A", "1"), ("PORT", "eighty"))
    (finding,) = found(cluster_with(spec, "FATAL invalid PORT: must be a number"))
    (edit,) = EnvVarInvalid().remedy(finding).edits
    assert (finding.variant, edit.op) == ("shadowed", "remove")
    assert edit.field.endswith("/env/2")


def test_lookalike_release_asks_for_something_new() -> None:
    spec, before = with_env(("A", "1"), image="x:2"), with_env(("A", "1"), image="x:1")
    assert not found(cluster_with(spec, "KeyError: 'FEATURE_FLAGS_ENDPOINT'", before))


def test_lookalike_same_value_worked_with_the_older_image() -> None:
    spec, before = with_env(("MODE", "fast"), image="x:2"), with_env(("MODE", "fast"), image="x:1")
    assert not found(
        cluster_with(spec, "error: invalid value for MODE_NAME and MODE: MODE is not a valid mode", before)
    )


def test_lookalike_crash_without_a_variable() -> None:
    line = "panic: runtime error: invalid memory address or nil pointer dereference"
    assert not found(cluster_with(with_env(("A", "1")), line, with_env(("A", "2"))))


def test_lookalike_value_from_a_config_map() -> None:
    spec = {"containers": [container(envFrom=[{"configMapRef": {"name": "c"}}])]}
    cluster = cluster_with(spec, "Error: missing required environment variable LOG_FORMAT")
    cluster.add("ConfigMap", "c", data={"LOG_FORMAT": ""})
    assert not found(cluster)


def test_lookalike_complaint_of_a_healthy_program() -> None:
    cluster = Cluster()
    cluster.deployment(
        "app", with_env(("THREADS", "auto")), before=with_env(("THREADS", "4")), status=running()
    )
    cluster.log("app-new-0", "app", "WARN invalid THREADS: using default\n")
    assert not found(cluster)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("KeyError: 'DB_HOST'", "DB_HOST"),
        ('KeyError: "DB_HOST"', "DB_HOST"),
        ('key not found: "DB_HOST" (KeyError)', "DB_HOST"),
        ("required key DB_HOST missing value", "DB_HOST"),
        ("Could not resolve placeholder 'DB_HOST' in value \"${DB_HOST}\"", "DB_HOST"),
        ("Error: Missing required environment variable: DB_HOST", "DB_HOST"),
        ("environment variable DB_HOST is not set", "DB_HOST"),
        ("DB_HOST must be set", "DB_HOST"),
        ("sh: DB_HOST: parameter not set", "DB_HOST"),
        ("/start.sh: line 3: DB_HOST: unbound variable", "DB_HOST"),
        ("Configuration key DB_HOST is required", "DB_HOST"),
        ("  DB_HOST  Field required [type=missing]".replace("  DB", "DB"), "DB_HOST"),
    ],
)
def test_missing_in_many_languages(line: str, name: str) -> None:
    assert any(found.name == name and found.missing for found in complaints(line))


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ('strconv.Atoi: parsing "eighty": invalid syntax', "", "eighty"),
        ('NumberFormatException: For input string: "eighty"', "", "eighty"),
        ('time: invalid duration "5 minutes"', "", "5 minutes"),
        ("TypeError [ERR_INVALID_URL]: Invalid URL: code, input: 'htp//x'", "", "htp//x"),
        ("error: invalid value for POOL_SIZE", "POOL_SIZE", None),
        ("POOL_SIZE must be an integer", "POOL_SIZE", None),
        ("POOL_SIZE=many is not a valid number", "POOL_SIZE", None),
    ],
)
def test_invalid_in_many_languages(line: str, name: str, value: str | None) -> None:
    assert any(found.name == name and found.value == value for found in complaints(line))


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_name_is_put_right_only_where_another_spec_has_it(elsewhere: bool) -> None:
    spec = with_env(("LOG_LEVLE", "info"))
    cluster = cluster_with(spec, "Error: missing required environment variable LOG_LEVEL")
    if elsewhere:
        cluster.deployment("other", with_env(("LOG_LEVEL", "debug")))
    (finding,) = found(cluster)
    name, gone = EnvVarInvalid().remedy(finding).edits
    fallback = name.value.fallback if isinstance(name.value, LastGood) else None
    assert (isinstance(fallback, Exact) and fallback.value) == (
        {"name": "LOG_LEVEL", "value": "info"} if elsewhere else False
    )
    assert gone.op == "remove"
