"""Dumps: what is read, what stays unknown, what is never kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfheal.cluster.dump import load_dump
from selfheal.errors import ConfigurationProblem


def write(path: Path, *items: dict[str, Any], kind: str = "List") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"kind": kind, "apiVersion": "v1", "items": list(items)}), encoding="utf-8")


def named(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": f"{kind}-{name}"}, **more}


def test_empty_lists_are_known_and_absent_files_are_not(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "pods.json")
    snapshot = load_dump(tmp_path)
    assert snapshot.known("Pod", "shop")
    assert not snapshot.known("Pod", "other")
    assert not snapshot.known("Service", "shop")


def test_typed_lists_without_kinds_on_their_items(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "pods.json", {"metadata": {"name": "a"}}, kind="PodList")
    assert load_dump(tmp_path).get("Pod", "shop", "a") is not None


def test_any_list_file_counts(tmp_path: Path) -> None:
    write(tmp_path / "everything.json", named("Pod", "a"), named("Gateway", "g"))
    snapshot = load_dump(tmp_path)
    assert snapshot.get("Gateway", "shop", "g") is not None
    assert snapshot.known("Pod", "shop")


def test_values_of_secrets_are_dropped(tmp_path: Path) -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"aHVudGVyMg=="}}'}
    secret = named("Secret", "db", data={"password": "aHVudGVyMg=="}, stringData={"token": "hunter2"})
    secret["metadata"]["annotations"] = annotations
    write(tmp_path / "shop" / "secrets.json", secret)
    held = load_dump(tmp_path).get("Secret", "shop", "db")
    assert held is not None
    assert held["data"] == {"password": "", "token": ""}
    assert "aHVud" not in json.dumps(held) and "hunter2" not in json.dumps(held)


def test_broken_files_are_named_and_unknown(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "pods.json", named("Pod", "a"))
    (tmp_path / "shop" / "events.json").write_text('{"kind": "List", "items": [{"ki', encoding="utf-8")
    (tmp_path / "shop" / "services.json").write_text("[1]", encoding="utf-8")
    write(tmp_path / "shop" / "configmaps.json", named("ConfigMap", "ok"), 7)  # type: ignore[arg-type]
    snapshot = load_dump(tmp_path)
    assert not snapshot.known("Event", "shop") and not snapshot.known("Service", "shop")
    told = " ".join(snapshot.incomplete)
    assert "events.json" in told and "services.json" in told and "configmaps.json" in told


def test_logs_are_split_by_container(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "pods.json", named("Pod", "a"))
    folder = tmp_path / "shop" / "a"
    folder.mkdir()
    (folder / "logs.txt").write_text(
        "==== START logs for container init of pod shop/a ====\none\n==== END logs for container init of pod shop/a ====\n"
        "==== START logs for container app of pod shop/a ====\ntwo\nthree\n"
        "==== END logs for container app of pod shop/a ====\n"
        "==== START logs for container late of pod shop/a ====\nRequest log error: waiting to start\n",
        encoding="utf-8",
    )
    snapshot = load_dump(tmp_path)
    assert snapshot.logs("shop", "a", "init") == "one"
    assert snapshot.logs("shop", "a", "app") == "two\nthree"
    assert snapshot.logs("shop", "a", "late") is None
    assert snapshot.logs("shop", "a", "app", previous=True) is None
    assert snapshot.logs("..", "shop", "app") is None


def test_links_out_of_the_dump_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "outside.txt"
    secret.write_text("private", encoding="utf-8")
    dump = tmp_path / "dump"
    write(dump / "shop" / "pods.json", named("Pod", "a"))
    (dump / "shop" / "a").mkdir()
    (dump / "shop" / "a" / "logs.txt").symlink_to(secret)
    assert load_dump(dump).logs("shop", "a", "app") is None


def test_not_a_dump(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationProblem, match="no directory"):
        load_dump(tmp_path / "gone")
    with pytest.raises(ConfigurationProblem, match="no Kubernetes objects"):
        load_dump(tmp_path)


def test_digest_is_of_versions_not_of_order(tmp_path: Path) -> None:
    write(tmp_path / "a" / "shop" / "pods.json", named("Pod", "a"), named("Pod", "b"))
    write(tmp_path / "b" / "shop" / "pods.json", named("Pod", "b"), named("Pod", "a"))
    write(tmp_path / "c" / "shop" / "pods.json", named("Pod", "a"))
    first, second, third = (load_dump(tmp_path / name).digest for name in "abc")
    assert first == second != third


def test_programs_that_write_on_tell_when_the_dump_was_taken(tmp_path: Path) -> None:
    """Nothing happens to objects that are well; of several clocks the most advanced one is not believed."""
    write(tmp_path / "shop" / "pods.json", named("Pod", "a", status={"conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T09:00:00Z"}
    ]}))  # fmt: skip
    assert load_dump(tmp_path).taken_at.isoformat() == "2026-01-05T09:00:00+00:00"
    for pod, line in (
        ("a", "2026-01-05T09:20:00.5Z fast"),
        ("b", "2026-01-05T09:10:00Z right"),
        ("c", "no time"),
    ):
        (tmp_path / "shop" / pod).mkdir()
        (tmp_path / "shop" / pod / "logs.txt").write_text(f"2026-01-05T08:00:00Z start\n{line}\n")
    assert load_dump(tmp_path).taken_at.isoformat() == "2026-01-05T09:10:00+00:00"


def test_a_clock_that_is_hours_ahead_is_not_believed(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "pods.json", named("Pod", "a", status={"conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T09:00:00Z"}
    ]}))  # fmt: skip
    (tmp_path / "shop" / "a").mkdir()
    (tmp_path / "shop" / "a" / "logs.txt").write_text("2026-01-06T09:00:00Z tomorrow\n")
    assert load_dump(tmp_path).taken_at.isoformat() == "2026-01-05T09:00:00+00:00"
