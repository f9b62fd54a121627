"""What the branch says is what the cluster gets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from selfheal.sandbox.gitops import GitOpsLoop, RenderError, documents, export, render
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour
from selfheal.sandbox.kubernetes.objects import Key


class Repository:
    """A work tree that pushes to a bare repository."""

    def __init__(self, root: Path) -> None:
        self.bare, self.tree = root / "bare.git", root / "tree"
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=root)
        self.git("init", "-q", "-b", "main", str(self.tree), cwd=root)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.test")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=cwd or self.tree, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, **files: str | None) -> str:
        """Names use ``__`` for ``/`` and ``_`` for ``.``; None removes."""
        for name, text in files.items():
            path = self.tree / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")
        self.git("push", "-q", str(self.bare), "main")
        return self.git("rev-parse", "HEAD")


def config(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{a: '{value}'}}\n"


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def cluster() -> KubernetesEmulator:
    return KubernetesEmulator(time_factor=0)


def test_applies_changes_and_prunes(repository, cluster):
    loop = GitOpsLoop(cluster, repository.bare, "main", "deploy")
    assert loop.sync().status == "Unknown"
    first = repository.commit(
        deploy__ns_yaml=NAMESPACE, deploy__x__one_yaml=config("one"), deploy__two_yaml=config("two")
    )
    done = loop.sync()
    assert (done.status, done.revision, done.message) == ("Synced", first, "")
    assert done.lines == (
        "namespace/shop serverside-applied", "configmap/two serverside-applied", "configmap/one serverside-applied",
    )  # fmt: skip
    second = repository.commit(
        deploy__x__one_yaml=config("one", "2"), deploy__two_yaml=None, readme_md="hello"
    )
    done = loop.sync()
    assert (done.revision, done.lines) == (second, ("configmap/one serverside-applied",))
    assert cluster.get("ConfigMap", "shop", "one")["data"] == {"a": "2"}
    assert cluster.get("ConfigMap", "shop", "two") is None
    assert cluster.get("Namespace", "", "shop") is not None


def test_what_it_never_applied_is_not_pruned(repository, cluster):
    repository.commit(ns_yaml=NAMESPACE, one_yaml=config("one"))
    loop = GitOpsLoop(cluster, repository.bare)
    loop.sync()
    cluster.apply(documents(config("mine")))
    repository.commit(one_yaml=None)
    loop.sync()
    assert cluster.get("ConfigMap", "shop", "mine") is not None
    assert cluster.get("ConfigMap", "shop", "one") is None


def test_the_same_revision_is_applied_once(repository, cluster):
    repository.commit(ns_yaml=NAMESPACE, one_yaml=config("one"))
    loop = GitOpsLoop(cluster, repository.bare)
    loop.sync()
    version = cluster.cluster.store.version
    loop.sync()
    assert cluster.cluster.store.version == version
    assert len(cluster.syncs) == 1


def test_drift_stays_without_self_heal_and_goes_with_it(repository, cluster):
    repository.commit(ns_yaml=NAMESPACE, one_yaml=config("one"))
    GitOpsLoop(cluster, repository.bare).sync()
    healing = GitOpsLoop(cluster, repository.bare, self_heal=True)
    healing.sync()
    cluster.apply(documents(config("one", "drifted")))
    assert cluster.get("ConfigMap", "shop", "one")["data"]["a"] == "drifted"
    healing.sync()
    assert cluster.get("ConfigMap", "shop", "one")["data"]["a"] == "1"


def test_refusals_are_out_of_sync_and_tried_again(repository, cluster):
    old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: old, namespace: shop}\n"
    repository.commit(ns_yaml=NAMESPACE, old_yaml=old, one_yaml=config("one"))
    loop = GitOpsLoop(cluster, repository.bare)
    done = loop.sync()
    assert done.status == "OutOfSync"
    assert any('no matches for kind "Ingress" in version "extensions/v1beta1"' in line for line in done.lines)
    assert cluster.get("ConfigMap", "shop", "one") is not None
    assert loop.sync().status == "OutOfSync"
    repository.commit(old_yaml=None)
    assert loop.sync().status == "Synced"


def test_what_cannot_be_rendered_changes_nothing(repository, cluster):
    repository.commit(ns_yaml=NAMESPACE, one_yaml=config("one"))
    loop = GitOpsLoop(cluster, repository.bare)
    loop.sync()
    repository.commit(bad_yaml="a: [")
    done = loop.sync()
    assert done.status == "Unknown"
    assert "bad.yaml is not valid YAML" in done.message
    assert cluster.get("ConfigMap", "shop", "one") is not None
    assert (
        GitOpsLoop(cluster, repository.bare, path="gone").sync().message
        == "the path gone does not exist in the repository"
    )


def test_a_renderer_of_ones_own(repository, cluster):
    repository.commit(values_txt="7")

    def renderer(folder: Path, path: str):
        return [*documents(NAMESPACE), *documents(config("made", (folder / path / "values.txt").read_text()))]

    GitOpsLoop(cluster, repository.bare, renderer=renderer).sync()
    assert cluster.get("ConfigMap", "shop", "made")["data"] == {"a": "7"}


def test_links_are_not_followed(repository, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text(config("secret"))
    (repository.tree / "link.yaml").symlink_to(secret)
    revision = repository.commit(one_yaml=config("one"))
    export(repository.bare, revision, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["one.yaml"]


def test_lists_dates_and_foreign_documents():
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n---\nfoo: bar\n---\n{apiVersion: v1, kind: B, d: 2026-01-01}\n"
    assert documents(text) == [
        {"apiVersion": "v1", "kind": "A"},
        {"apiVersion": "v1", "kind": "B", "d": "2026-01-01"},
    ]


def test_programs_that_are_missing_are_named(tmp_path, monkeypatch):
    (tmp_path / "Chart.yaml").write_text("name: x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderError, match="helm is installed"):
        render(tmp_path, "")


def test_it_runs_by_itself(repository, cluster):
    repository.commit(ns_yaml=NAMESPACE, one_yaml=config("one"))
    with GitOpsLoop(cluster, repository.bare, interval=0.01) as loop:
        for _try in range(200):
            if loop.status.status == "Synced":
                break
            loop._stopped.wait(0.01)
    assert cluster.get("ConfigMap", "shop", "one") is not None
    assert cluster.delete(Key("ConfigMap", "shop", "one"))


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: ghcr.io/acme/web:1
        resources: {limits: {memory: LIMIT}}
"""


def test_a_fix_in_the_repository_heals_the_cluster(repository, cluster):
    cluster.images["ghcr.io/acme/web:1"] = ImageBehaviour(memory="200Mi")
    loop = GitOpsLoop(cluster, repository.bare)
    repository.commit(ns_yaml=NAMESPACE, web_yaml=DEPLOYMENT.replace("LIMIT", "128Mi"))
    loop.sync()
    cluster.advance(60)
    states = [pod["status"]["containerStatuses"][0] for pod in cluster.objects("Pod", "shop")]
    assert {state["lastState"]["terminated"]["reason"] for state in states} == {"OOMKilled"}
    repository.commit(web_yaml=DEPLOYMENT.replace("LIMIT", "160Mi"))
    loop.sync()
    cluster.advance(120)
    states = [pod["status"]["containerStatuses"][0] for pod in cluster.objects("Pod", "shop")]
    assert any(state["restartCount"] for state in states)
    repository.commit(web_yaml=DEPLOYMENT.replace("LIMIT", "256Mi"))
    loop.sync()
    cluster.advance(120)
    states = [pod["status"]["containerStatuses"][0] for pod in cluster.objects("Pod", "shop")]
    assert [(state["ready"], state["restartCount"]) for state in states] == [(True, 0), (True, 0)]
