"""The gate against a record that somebody edited: what it signs is what it derived itself, or nothing."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, Refused
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.proofs import GateSigned
from selfheal.incidents.record import (
    Analysis,
    Evidence,
    LastGood,
    ObjectRef,
    PatchPointer,
    PolicyVerdict,
    Record,
    RenderedChange,
    Source,
    Target,
)
from selfheal.jsm import patches
from selfheal.repair.envelope import Envelope, digest, pack, patch_file
from selfheal.repair.gate import GateVerifier, judge
from selfheal.repair.signature import sign, verify_signature
from selfheal.repair.tools import Tools
from selfheal.repository.worktree import WorkTree
from tests.repair.test_plan import (
    CART,
    KEY,
    MANIFEST,
    NOW,
    SETTINGS,
    WHERE,
    commit,
    image,
    oom,
    packed,
    planned,
    record,
)
from tests.repository.support import plain_git

FIELD = f"{WHERE}/resources/limits/memory"
PAY = MANIFEST.replace("cart", "pay")


@pytest.fixture
def git(tmp_path: Path) -> Path:
    directory = tmp_path / "git"
    directory.mkdir()
    plain_git(directory, "init", "-q", "-b", "main")
    return directory


@pytest.fixture
def tree(git: Path) -> WorkTree:
    commit(git, PAY, path="pay.yaml")
    commit(git, MANIFEST)
    return WorkTree(git)


def refused(tree: WorkTree, patch: bytes, held: Record) -> str:
    with pytest.raises(ProofRefused) as caught:
        GateVerifier(tree, patch, SETTINGS).verify("OPS-1", held)
    assert "v1:" not in str(caught.value)
    return caught.value.code


def edited(**update: Any) -> Callable[[Analysis], Analysis]:
    return lambda analysis: analysis.model_copy(update=update)


@pytest.mark.parametrize(
    "edit",
    [
        edited(object=ObjectRef(kind="Deployment", namespace="shop", name="pay")),
        edited(object=ObjectRef(kind="Deployment", namespace="elsewhere", name="cart")),
        edited(fault="cpu-throttled"),
        edited(fault="image-not-found"),
        edited(fault="../oom-killed"),
        edited(facts={**oom().facts, "field": f"{WHERE}/image"}),
        edited(facts={**oom().facts, "field": "/spec/replicas"}),
        edited(facts={**oom().facts, "field": "/metadata/annotations/x"}),
        edited(facts={**oom().facts, "limit": "64Gi"}),
        edited(facts={}),
        edited(last_good=(LastGood(field=FIELD, value="64Gi", origin="ReplicaSet shop/cart-1"),)),
        edited(evidence=(Evidence(id="e1", source="object", object=CART, field=FIELD, value="1Gi"),)),
        edited(verdict="healthy"),
    ],
)  # fmt: skip
def test_a_patch_is_no_good_for_an_analysis_that_was_edited(
    tree: WorkTree, edit: Callable[[Analysis], Analysis]
) -> None:
    patch = packed(tree, planned(tree, oom()))
    assert refused(tree, patch, record(patch, edit(oom()))) == "gate-refused"


def test_a_record_without_an_analysis_proves_nothing(tree: WorkTree) -> None:
    patch = packed(tree, planned(tree, oom()))
    held = record(patch, oom()).model_copy(update={"analysis": None})
    assert refused(tree, patch, held) == "gate-refused"


@pytest.mark.parametrize("decision", ["escalate", "none"])
def test_what_was_not_proposed_is_not_signed(tree: WorkTree, decision: str) -> None:
    patch = packed(tree, planned(tree, oom()))
    held = record(patch, oom())
    change = held.change
    assert change is not None
    assert (
        refused(
            tree, patch, held.model_copy(update={"change": change.model_copy(update={"decision": decision})})
        )
        == "no-patch"
    )


def test_what_the_record_claims_of_the_change_is_replaced_by_what_was_derived(tree: WorkTree) -> None:
    patch = packed(tree, planned(tree, oom()))
    held = record(patch, oom())
    change = held.change
    assert change is not None
    lies = {
        "rendered": (
            RenderedChange(object=CART, field="/spec/replicas", before=1, after=2, origin="trust me"),
        ),
        "policy": (PolicyVerdict(rule="everything", passed=True, detail="checked by hand"),),
        "paths": ("README.md",),
        "base_sha": "0" * 40,
        "attempt": 7,
        "signature": "v1:" + "0" * 64,
        "title": "Nothing to see here",
        "reason": "A person asked for it.",
        "requires_recreate": True,
    }
    forged = held.model_copy(update={"change": change.model_copy(update=lies)})
    proof = GateVerifier(tree, patch, SETTINGS).verify("OPS-1", forged)
    assert isinstance(proof, GateSigned)
    assert proof.change.paths == ("cart.yaml",) and proof.change.base_sha == tree.base_sha
    assert [item.field for item in proof.change.rendered] == [FIELD]
    assert "everything" not in {item.rule for item in proof.change.policy}
    assert proof.change.attempt == 1 and proof.change.signature != lies["signature"]
    expected = planned(tree, oom())
    assert (proof.change.title, proof.change.reason) == (expected.title, expected.reason)
    assert not proof.change.requires_recreate


def test_a_source_that_was_edited_does_not_lead_elsewhere(git: Path, tree: WorkTree) -> None:
    patch = packed(tree, planned(tree, oom()))
    for source, code in (
        (Source(repository="acme/shop", path="nowhere"), "gate-refused"),
        (Source(repository="evil/shop", path=""), "patch-foreign"),
        (Source(repository="acme/shop", path="../.."), "gate-refused"),
    ):
        held = record(patch, oom()).model_copy(update={"source": source, "target": Target(namespace="shop")})
        assert refused(tree, patch, held) == code


def _changed_twice(tree: WorkTree) -> dict[str, bytes]:
    """Patches that hold the right fix and something beside it."""
    right = patch_file("cart.yaml", "100644", MANIFEST.encode(), MANIFEST.replace("128Mi", "256Mi").encode())

    def beside(path: str, after: bytes | None) -> bytes:
        other = patch_file(path, "100644", tree.read(path), after)
        files = tuple(sorted((right, other), key=lambda file: file.path))
        return pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, files))

    return {
        "another workload": beside("pay.yaml", PAY.replace("128Mi", "1Gi").encode()),
        "another workload's comment": beside("pay.yaml", PAY.replace("# the robot", "# me").encode()),
        "a file removed": beside("pay.yaml", None),
        "a workflow": beside(".github/workflows/x.yml", b"on: push\n"),
        "a hook of git": beside(".githooks/pre-commit", b"#!/bin/sh\n"),
        "a script": beside("run.sh", b"#!/bin/sh\n"),
        "a second manifest": beside("more.yaml", MANIFEST.replace("cart", "till").encode()),
    }


@pytest.mark.parametrize(
    "name",
    [
        "another workload", "another workload's comment", "a file removed", "a workflow", "a hook of git", "a script",
        "a second manifest",
    ],
)  # fmt: skip
def test_the_fix_and_something_beside_it_is_refused(tree: WorkTree, name: str) -> None:
    patch = _changed_twice(tree)[name]
    assert refused(tree, patch, record(patch, oom())) == "gate-refused"


def test_the_gate_looks_at_the_past_as_the_fix_does(git: Path) -> None:
    commit(git, MANIFEST.replace("128Mi", "64Mi"))
    commit(git, MANIFEST, "OPS-7: raise the limit\n\nIncident: OPS-7\n\n- cart.yaml")
    tree = WorkTree(git)
    file = patch_file("cart.yaml", "100644", MANIFEST.encode(), MANIFEST.replace("128Mi", "256Mi").encode())
    patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, (file,)))
    soon = judge(tree, patch, settings=SETTINGS, analysis=oom(), now=datetime.now(UTC) + timedelta(days=1))
    assert not soon[-1].passed and "OPS-7" in soon[-1].detail
    later = judge(tree, patch, settings=SETTINGS, analysis=oom(), now=datetime.now(UTC) + timedelta(days=30))
    assert all(verdict.passed for verdict in later)


def test_an_image_is_not_put_back_over_a_migration_by_hand_either(git: Path) -> None:
    older = MANIFEST.replace("cart:1.0", "cart:0.9")
    commit(git, older)
    (git / "migrations").mkdir()
    (git / "migrations" / "0002.sql").write_text("ALTER TABLE x;\n")
    commit(git, MANIFEST)
    tree = WorkTree(git)
    file = patch_file("cart.yaml", "100644", MANIFEST.encode(), older.encode())
    patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, (file,)))
    assert refused(tree, patch, record(patch, image())) == "gate-refused"


# What is stored beside the record


def test_a_patch_that_was_swapped_with_its_pointer_is_judged_anew(tree: WorkTree) -> None:
    """A pointer that fits other bytes gets nobody past the gate: they are derived again."""
    after = MANIFEST.replace("128Mi", "64Gi").encode()
    other = pack(
        Envelope(
            "acme/shop",
            "OPS-1",
            1,
            tree.base_sha,
            (patch_file("cart.yaml", "100644", MANIFEST.encode(), after),),
        )
    )
    assert refused(tree, other, record(other, oom())) == "gate-refused"


def _stored(data: bytes) -> tuple[PatchPointer, dict[str, Any]]:
    pointer, pieces = patches.split(data)
    return pointer, {patches.name(pointer.digest, number): piece for number, piece in enumerate(pieces)}


def test_a_chunk_that_was_swapped_after_the_gate_is_refused_where_it_is_read(tree: WorkTree) -> None:
    patch = packed(tree, planned(tree, oom()))
    pointer, stored = _stored(patch)
    assert patches.join("OPS-1", pointer, stored.get) == patch
    _, others = _stored(patch.replace(b"256Mi", b"999Mi"))
    swapped = dict(zip(stored, others.values(), strict=True))
    bomb = base64.b64encode(zlib.compress(b"\0" * 30_000_000, 9)).decode()
    for wrong in (swapped, dict.fromkeys(stored, bomb), dict.fromkeys(stored, "A" * 1_000_000), {}):
        with pytest.raises(Refused, match="damaged"):
            patches.join("OPS-1", pointer, wrong.get)


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 200_000,
        b'{"version":1,' + b'"files":' + b"[" * 100_000,
        b'{"a":' * 50_000,
        json.dumps({"version": 1, "files": ["x" * 600_000]}).encode(),
        b"\x00" * 512_001,
        b'"' + b"\\u0000" * 80_000 + b'"',
        b"9" * 400_000,
    ],
)  # fmt: skip
def test_bytes_that_grow_when_they_are_read_are_refused(tree: WorkTree, bomb: bytes) -> None:
    assert refused(tree, bomb, record(bomb, oom())) == "envelope-invalid"


def test_a_signature_is_good_for_nothing_else(tree: WorkTree) -> None:
    said: dict[str, Any] = {
        "repository": "acme/shop",
        "incident": "OPS-1",
        "attempt": 1,
        "base_sha": tree.base_sha,
        "digest": digest(packed(tree, planned(tree, oom()))),
    }
    signature = sign(KEY, **said)
    assert verify_signature(KEY, signature, **said)
    for name, other in (
        ("repository", "acme/shop2"), ("incident", "OPS-11"), ("attempt", 11), ("base_sha", "0" * 40),
        ("digest", "0" * 64), ("free", True),
    ):  # fmt: skip
        assert not verify_signature(KEY, signature, **{**said, name: other}), name
    # Neighbouring fields cannot lend one another characters.
    assert sign(KEY, **{**said, "incident": "OPS-1", "attempt": 11}) != sign(
        KEY, **{**said, "incident": "OPS-11", "attempt": 1}
    )


HOOKED = {
    "chart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 0.1.0\n",
    "chart/values.yaml": "memory: 128Mi\nhook: ghcr.io/acme/hook:1\n",
    "chart/templates/cart.yaml": MANIFEST.replace("128Mi", "{{ .Values.memory }}"),
    "chart/templates/hook.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: post-upgrade}\n"
    "spec:\n  containers:\n    - {name: hook, image: '{{ .Values.hook }}'}\n",
}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("chart/values.yaml", "acme/hook:1", "evil/hook:1"),
        ("chart/templates/hook.yaml", "name: hook, image", "name: hook, command: [evil], image"),
        ("chart/templates/more.yaml", "", HOOKED["chart/templates/hook.yaml"].replace("name: hook\n", "name: evil\n")),
        ("chart/README.md", "", "hello\n"),
    ],
)  # fmt: skip
def test_a_hook_does_not_slip_through_beside_the_fix(
    git: Path, tools: Tools, path: str, old: str, new: str
) -> None:
    for name, text in HOOKED.items():
        (git / name).parent.mkdir(parents=True, exist_ok=True)
        (git / name).write_text(text)
    commit(git, "x\n", path="README.md")
    tree = WorkTree(git)
    right = planned(tree, oom(), tools=tools)
    assert right.decision == "propose", right.reason
    after = {change.path: change.after or b"" for change in right.changes}
    assert list(after) == ["chart/values.yaml"]

    def verdict(files: dict[str, bytes]) -> PolicyVerdict:
        entries = tuple(
            patch_file(name, "100644", tree.read(name), data) for name, data in sorted(files.items())
        )
        patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, entries))
        return judge(tree, patch, settings=SETTINGS, analysis=oom(), now=NOW, tools=tools)[-1]

    assert verdict(after).passed
    held = after.get(path) or tree.read(path) or b""
    bad = verdict({**after, path: held.replace(old.encode(), new.encode()) if old else new.encode()})
    assert (bad.rule, bad.passed) == ("render-contract", False), bad


def test_a_hook_that_is_edited_freely_is_listed(git: Path, tools: Tools) -> None:
    for name, text in HOOKED.items():
        (git / name).parent.mkdir(parents=True, exist_ok=True)
        (git / name).write_text(text)
    commit(git, "x\n", path="README.md")
    tree = WorkTree(git)
    before = HOOKED["chart/values.yaml"].encode()
    entry = patch_file("chart/values.yaml", "100644", before, before.replace(b"acme/hook:1", b"acme/hook:2"))
    patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, (entry,)))
    endpoints = {"github_repository": "acme/shop", "signing_key": KEY}
    free = Settings.model_validate({"policy": {"code_changes": True}, "endpoints": endpoints})
    held = record(patch, oom())
    change = held.change
    assert change is not None
    target = Target(namespace="shop", kind="Deployment", name="cart")
    held = held.model_copy(update={"change": change.model_copy(update={"free": True}), "target": target})
    proof = GateVerifier(tree, patch, free, tools=tools).verify("OPS-1", held)
    assert isinstance(proof, GateSigned)
    assert [(item.object.kind, item.after) for item in proof.change.rendered] == [
        ("Pod", "ghcr.io/acme/hook:2")
    ]


@pytest.mark.parametrize("free", [False, True])
def test_a_renderer_that_is_not_installed_is_no_verdict_on_the_change(git: Path, free: bool) -> None:
    (git / "kustomization.yaml").write_text("resources: [cart.yaml]\n")
    commit(git, MANIFEST)
    tree = WorkTree(git)
    after = MANIFEST.replace("128Mi", "256Mi").encode()
    entry = patch_file("cart.yaml", "100644", MANIFEST.encode(), after)
    patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, (entry,)))
    with pytest.raises(ConfigurationProblem, match="kubectl was not found"):
        judge(
            tree, patch, settings=Settings.model_validate({"policy": {"code_changes": True}}), analysis=oom(), now=NOW,
            tools=Tools(kubectl=str(git / "nowhere")), free=free,
            target=Target(namespace="shop", kind="Deployment", name="cart"),
        )  # fmt: skip
