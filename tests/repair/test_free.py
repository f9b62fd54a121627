"""What the gate can and cannot prove of files that an agent edited freely."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from selfheal.config import Settings
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.record import (
    Analysis,
    Change,
    Evidence,
    ObjectRef,
    PatchPointer,
    PolicyVerdict,
    Record,
    Source,
    Target,
)
from selfheal.repair import serverside
from selfheal.repair.envelope import Envelope, digest, pack, patch_file
from selfheal.repair.gate import GateVerifier, judge, verify_signature
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from selfheal.repository.tree import Tree

Make = Callable[[dict[str, str]], FolderTree]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "k" * 40
CART = ObjectRef(kind="Deployment", namespace="shop", name="cart")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
        - name: cart
          image: ghcr.io/acme/cart:1.0
          env:
            - {name: RETRIES, value: "1"}
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: cart, namespace: shop}
data:
  timeout: "1"
"""
FILES = {
    "deploy/cart.yaml": DEPLOYMENT,
    "deploy/config.yaml": CONFIG,
    "src/cart.py": "def total(items):\n    return items[0]\n",
    "src/setup.py": "setup()\n",
    "tests/test_cart.py": "def test_total(): ...\n",
    "other/web.yaml": DEPLOYMENT.replace("cart", "web"),
}
ANALYSIS = Analysis(
    verdict="fault",
    fault="index-error",
    object=CART,
    summary="An empty cart crashes it.",
    evidence=(Evidence(id="e1", source="log", object=CART, message="IndexError"),),
)


def settings(**policy: Any) -> Settings:
    return Settings.model_validate(
        {
            "policy": {"code_changes": True, **policy},
            "endpoints": {"github_repository": "acme/shop", "signing_key": KEY},
        }
    )


def patch(tree: Tree, **edits: tuple[str, str] | str) -> bytes:
    """The envelope for edits by path: (old, new) of a file that is there, or the text of a new one."""
    files = []
    for path, edit in edits.items():
        before = tree.read(path)
        after = edit.encode() if isinstance(edit, str) else (before or b"").decode().replace(*edit).encode()
        files.append(patch_file(path, tree.mode(path), before, after))
    files.sort(key=lambda file: file.path)
    return pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha or "a" * 40, tuple(files)))


def judged(
    tree: Tree, data: bytes, path: str = "deploy", analysis: Analysis = ANALYSIS, **policy: Any
) -> list[PolicyVerdict]:
    verdicts = judge(
        tree,
        data,
        settings=settings(**policy),
        analysis=analysis,
        source=Source(repository="acme/shop", path=path),
        target=TARGET,
        now=NOW,
        free=True,
    )
    return list(verdicts)


TARGET = Target(namespace="shop", kind="Deployment", name="cart")


def broken(verdicts: list[PolicyVerdict]) -> dict[str, str]:
    return {verdict.rule: verdict.detail for verdict in verdicts if not verdict.passed}


def test_without_the_setting_nothing_is_edited_freely(repository: Make) -> None:
    tree = repository(FILES)
    data = patch(tree, **{"src/cart.py": ("items[0]", "sum(items)")})
    assert set(broken(judged(tree, data, code_changes=False))) == {"code-changes"}


def test_a_program_may_change_and_nothing_rendered_does(repository: Make) -> None:
    tree = repository(FILES)
    verdicts = judged(tree, patch(tree, **{"src/cart.py": ("items[0]", "sum(items)")}))
    assert broken(verdicts) == {}
    assert "Nothing that is rendered changes" in {verdict.detail for verdict in verdicts}


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_cart.py", "src/setup.py", "src/cart_test.go", "web/app.spec.ts", "web/vite.config.ts", "src/conftest.py",
        ".github/workflows/ci.yml", "Makefile", "go.mod", ".selfheal.yml", "src/CartTest.java",
    ],
)  # fmt: skip
def test_what_judges_or_builds_a_program_may_not(repository: Make, path: str) -> None:
    tree = repository({**FILES, path: "old\n"})
    assert "protected-paths" in broken(judged(tree, patch(tree, **{path: ("old", "new")}), path=""))


def verified(tree: Tree, data: bytes, free: bool = True) -> Change:
    pointer = PatchPointer(digest=digest(data), chunks=1, size=len(data))
    change = Change(decision="propose", title="t", patch=pointer, free=free)
    record = Record(
        entered=NOW, analysis=ANALYSIS, change=change, target=TARGET,
        source=Source(repository="acme/shop", path="deploy"),
    )  # fmt: skip
    proof = GateVerifier(Based(tree), data, settings()).verify("OPS-1", record)
    return proof.change  # type: ignore[attr-defined]


class Based(FolderTree):
    """A folder that has a commit."""

    base_sha = "a" * 40

    def __init__(self, tree: FolderTree) -> None:
        super().__init__(tree.directory)


def test_every_rendered_field_is_listed_and_the_signature_says_that_it_is_free(repository: Make) -> None:
    tree = repository(FILES)
    data = patch(
        tree, **{
            "deploy/config.yaml": ('timeout: "1"', 'timeout: "30"'),
            "deploy/cart.yaml": ('value: "1"', 'value: "3"'),
            "src/cart.py": ("items[0]", "sum(items)"),
        },
    )  # fmt: skip
    change = verified(tree, data)
    assert [(str(item.object), item.field, item.before, item.after) for item in change.rendered] == [
        ("ConfigMap shop/cart", "/data/timeout", "1", "30"),
        ("Deployment shop/cart", "/spec/template/spec/containers/0/env/0/value", "1", "3"),
    ]
    said = {
        "repository": "acme/shop", "incident": "OPS-1", "attempt": 1, "base_sha": "a" * 40, "digest": digest(data),
    }  # fmt: skip
    assert verify_signature(KEY, change.signature, free=True, **said)
    assert not verify_signature(KEY, change.signature, **said), "never for a proven remedy"


def test_a_free_change_that_passes_for_a_remedy_is_refused(repository: Make) -> None:
    tree = repository(FILES)
    with pytest.raises(ProofRefused):
        verified(tree, patch(tree, **{"src/cart.py": ("items[0]", "sum(items)")}), free=False)


def test_a_new_object_is_listed(repository: Make) -> None:
    tree = repository(FILES)
    change = verified(tree, patch(tree, **{"deploy/more.yaml": CONFIG.replace("cart", "more")}))
    assert [(str(item.object), item.before, item.after) for item in change.rendered] == [
        ("ConfigMap shop/more", None, "there")
    ]


@pytest.mark.parametrize(
    ("edits", "rule", "words"),
    [
        ({"other/web.yaml": ('value: "1"', 'value: "3"')}, "render-contract", "other/web.yaml is not part of"),
        ({"deploy/config.yaml": (CONFIG, "# nothing\n")}, "objects", "would be deleted"),
        ({"deploy/cart.yaml": ("cart:1.0", "cart:latest")}, "image-pinned", "no fixed version"),
        ({"deploy/cart.yaml": ("ghcr.io/acme", "evil.example/acme")}, "image-registries", "evil.example"),
        (
            {"deploy/cart.yaml": ("        - name: cart", "        - name: cart\n          securityContext: {privileged: true}")},
            "privileged", "Deployment shop/cart",
        ),
        ({"deploy/cart.yaml": ("      containers:", "      containers: {}\n      x:")}, "schema", "containers"),
        ({"deploy/config.yaml": ('timeout: "1"', "\n  ".join(f'a{n}: "1"' for n in range(21)))}, "render-contract", "20"),
        ({"deploy/cart.yaml": ("kind: Deployment", "kind: [")}, "render-contract", "cart.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_or_is_not_allowed(
    repository: Make, edits: dict[str, Any], rule: str, words: str
) -> None:
    tree = repository(FILES)
    found = broken(judged(tree, patch(tree, **edits)))
    assert words in found[rule]


READS = DEPLOYMENT.replace(
    '{name: RETRIES, value: "1"}',
    "{name: TIMEOUT, valueFrom: {configMapKeyRef: {name: cart, key: timeout}}}",
)
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"deploy/cart.yaml": ("key: timeout", "key: patience")}, "patience"),
        ({"deploy/config.yaml": ("timeout:", "patience:")}, "timeout"),
        ({"deploy/service.yaml": ("selector: {app: cart}", "selector: {app: card}")}, "selects pods"),
        (
            {
                "deploy/config.yaml": ("{name: cart, namespace: shop}", "{name: cart, namespace: shop}\nimmutable: true"),
                "deploy/service.yaml": ("selector: {app: cart}", "selector: {app: cart, tier: web}"),
            },
            "selects pods",
        ),
    ],
)  # fmt: skip
def test_what_is_rendered_is_diagnosed_again(repository: Make, edits: dict[str, Any], words: str) -> None:
    tree = repository({**FILES, "deploy/cart.yaml": READS, "deploy/service.yaml": SERVICE})
    found = broken(judged(tree, patch(tree, **edits)))
    assert set(found) == {"rediagnosis"} and words in found["rediagnosis"]


def test_an_edit_that_leaves_the_fault_where_it_was_is_refused(repository: Make) -> None:
    tree = repository({**FILES, "deploy/cart.yaml": READS.replace("key: timeout", "key: patience")})
    analysis = ANALYSIS.model_copy(
        update={
            "fault": "config-key-missing",
            "facts": {"field": "/spec/template/spec/containers/name=cart/env/name=TIMEOUT/valueFrom/configMapKeyRef"},
        }
    )  # fmt: skip
    useless = patch(tree, **{"deploy/config.yaml": ('timeout: "1"', 'timeout: "2"')})
    assert "still" in broken(judged(tree, useless, analysis=analysis))["rediagnosis"]
    mends = patch(tree, **{"deploy/config.yaml": ('timeout: "1"', 'patience: "1"')})
    assert broken(judged(tree, mends, analysis=analysis)) == {}


def test_what_has_to_be_made_anew_is_said_whatever_the_record_says(repository: Make) -> None:
    tree = repository(FILES)
    data = patch(tree, **{"deploy/cart.yaml": ("app: cart", "app: basket")})
    change = verified(tree, data)
    assert change.requires_recreate
    assert not verified(tree, patch(tree, **{"deploy/cart.yaml": ('"1"', '"2"')})).requires_recreate


def test_the_api_server_is_asked_about_every_changed_object_where_that_is_switched_on(
    repository: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Server:
        def asks(self, obj: dict[str, Any]) -> bool:
            asked.append(f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}")
            return True

    monkeypatch.setattr(serverside, "_server", lambda _settings: Server())
    tree = repository(FILES)
    both = {"deploy/config.yaml": ('"1"', '"30"'), "deploy/cart.yaml": ('"1"', '"3"')}
    verdicts = judged(tree, patch(tree, **both), server_dry_run=True)
    assert verdicts[-1].rule == "server-dry-run" and verdicts[-1].detail == "2 taken"
    assert asked == ["ConfigMap shop/cart", "Deployment shop/cart"]
    asked.clear()
    anew = judged(
        tree, patch(tree, **{"deploy/cart.yaml": ("app: cart", "app: basket")}), server_dry_run=True
    )
    assert anew[-1].detail == "0 taken, 1 not asked for" and not asked
    refused = judged(
        tree, patch(tree, **{"deploy/cart.yaml": ("cart:1.0", "cart:latest")}), server_dry_run=True
    )
    assert "server-dry-run" not in {verdict.rule for verdict in refused} and not asked
    assert "server-dry-run" not in {verdict.rule for verdict in judged(tree, patch(tree, **both))}


def test_a_template_that_begins_to_roll_dice_hides_nothing(repository: Make, tools: Tools) -> None:
    tree = repository(
        {
            "chart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 0.1.0\n",
            "chart/values.yaml": "greeting: fixed\n",
            "chart/templates/cart.yaml": DEPLOYMENT.replace('"1"', '"{{ .Values.greeting }}"').replace(
                "metadata: {name: cart, namespace: shop}",
                "metadata: {name: cart, namespace: shop, annotations: {dice: '{{ randAlphaNum 9 }}'}}",
            ),
        }
    )
    fixed = patch(tree, **{"chart/values.yaml": ("fixed", "other")})
    assert broken(judged(tree, fixed, path="chart")) == {}
    dice = patch(tree, **{"chart/templates/cart.yaml": (".Values.greeting", "randAlphaNum 9")})
    assert "each time" in broken(judged(tree, dice, path="chart"))["render-contract"]


def test_a_program_deployed_from_elsewhere_has_nothing_to_render_and_a_manifest_of_it_is_refused(
    repository: Make,
) -> None:
    tree = repository({"src/cart.py": FILES["src/cart.py"], "values.yaml": "a: 1\n"})
    edit = {"src/cart.py": ("items[0]", "sum(items)")}
    assert broken(judged(tree, patch(tree, **edit), path="")) == {}
    found = broken(judged(tree, patch(tree, **edit, **{"values.yaml": ("1", "2")}), path=""))
    assert "deploys" in found["render-contract"]


def test_another_environment_is_never_reached(repository: Make, tools: Tools) -> None:
    overlay = "resources: [../base]\nnamespace: {}\n"
    tree = repository(
        {
            "base/kustomization.yaml": "resources: [cart.yaml]\n",
            "base/cart.yaml": DEPLOYMENT.replace(", namespace: shop", ""),
            "prod/kustomization.yaml": overlay.format("shop"),
            "staging/kustomization.yaml": overlay.format("shop-staging"),
        }
    )
    data = patch(tree, **{"base/cart.yaml": ('value: "1"', 'value: "3"')})
    assert "staging" in broken(judged(tree, data, path="prod"))["render-contract"]
