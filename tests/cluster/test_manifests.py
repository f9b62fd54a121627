"""Manifests as they stand in a repository, and what is left out of them."""

from __future__ import annotations

from pathlib import Path

from selfheal.cluster.manifests import Declared, read_manifests
from selfheal.cluster.snapshot import Object
from selfheal.incidents.record import ObjectRef

ONE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {A: '1'}\n"
REF = ObjectRef(kind="ConfigMap", namespace="shop", name="settings")


def test_plain_manifests(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ONE + "---\n" + ONE.replace("settings", "other"), encoding="utf-8")
    found = read_manifests(tmp_path)
    assert found[REF].path == "a.yaml"
    assert len(found) == 2


def test_what_stands_twice_differently_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ONE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(ONE.replace("'1'", "'2'"), encoding="utf-8")
    assert not read_manifests(tmp_path)


def test_charts_patched_bases_and_broken_files_are_left_out(tmp_path: Path) -> None:
    for name in ("chart/templates", "base", ".git"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.yaml").write_text(ONE, encoding="utf-8")
    (tmp_path / "chart" / "Chart.yaml").write_text("name: x\n", encoding="utf-8")
    (tmp_path / "over").mkdir()
    (tmp_path / "over" / "kustomization.yaml").write_text(
        "resources: [../base]\nimages: [{name: x}]\n", encoding="utf-8"
    )
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert not read_manifests(tmp_path)


def test_a_kustomization_that_only_lists_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ONE, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml]\n", encoding="utf-8")
    assert REF in read_manifests(tmp_path)


def test_files_in_which_no_name_stands_are_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ONE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(ONE.replace("settings", "settings-of-another"), encoding="utf-8")
    assert set(read_manifests(tmp_path, frozenset({"settings"}))) == {REF}
    assert not read_manifests(tmp_path, frozenset({"setting", "another"}))


def test_what_is_declared_is_made_when_it_is_asked_for() -> None:
    asked: list[int] = []

    def make() -> dict[ObjectRef, tuple[str, Object]]:
        asked.append(1)
        return {REF: ("a.yaml", {"kind": "ConfigMap"})}

    declared = Declared(make)
    assert not asked
    assert (declared[REF][0], list(declared), len(declared)) == ("a.yaml", [REF], 1)
    assert len(asked) == 1
