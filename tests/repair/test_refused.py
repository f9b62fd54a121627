"""A change that the API server refuses, from the apply to the exact text restored, in each way to deploy."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from selfheal.cluster.dump import load_dump
from selfheal.cluster.snapshot import Snapshot
from selfheal.config import Settings
from selfheal.diagnosis.engine import Diagnosis, diagnose
from selfheal.incidents.record import Analysis, LastGood, Target
from selfheal.repair.envelope import Envelope, pack, patch_file
from selfheal.repair.gate import judge
from selfheal.repair.plan import RepairResult, plan
from selfheal.repair.sources import render
from selfheal.repair.tools import Tools
from selfheal.repository.foldertree import FolderTree
from selfheal.repository.worktree import WorkTree
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour, Port
from tests.exam_repair.play import dump
from tests.repository.support import plain_git

SETTINGS = Settings()
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels:
        app: web
        release: "1.4" # free
    spec:
      containers:
        - name: web
          image: ghcr.io/acme/web:1.4
          ports:
            - containerPort: 8080
          env:
            - name: MODE
              value: fast
            - name: LEVEL
              value: "3"
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits:
              memory: 256Mi # twice the request
          volumeMounts:
            - name: scratch
              mountPath: /scratch
      volumes:
        - name: scratch
          emptyDir: {}
"""
REST = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
    - name: http
      port: 80
      targetPort: 8080
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy}
spec:
  schedule: "15 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: tidy, image: "ghcr.io/acme/tidy:1.0"}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
"""
STORE = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  replicas: 1
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers:
        - name: store
          image: ghcr.io/acme/store:7
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
"""
PLAIN = {"web.yaml": WEB, "rest.yaml": REST, "store.yaml": STORE}
KUSTOMIZE = {
    **{f"base/{name}": text for name, text in PLAIN.items()},
    "base/kustomization.yaml": "resources: [web.yaml, rest.yaml, store.yaml]\n",
    "live/kustomization.yaml": "namespace: shop\nresources: [../base]\npatches:\n  - path: web.yaml\n",
    "live/web.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n"
        "        - name: web\n          resources:\n            limits:\n              memory: 512Mi\n"
    ),
}
HELM = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "values.yaml": "web:\n  resources:\n    requests: {cpu: 100m, memory: 128Mi}\n    limits:\n      memory: 256Mi\nport: 80\n",
    "templates/web.yaml": WEB.replace(
        "            requests: {cpu: 100m, memory: 128Mi}\n            limits:\n              memory: 256Mi # twice the request\n",
        "{{ toYaml .Values.web.resources | indent 12 }}\n",
    ),
    "templates/rest.yaml": REST.replace("port: 80\n", "port: {{ .Values.port }}\n"),
}


@dataclass(frozen=True)
class Played:
    """What was found after the change, what was planned, and the files as they were before it."""

    snapshot: Snapshot
    found: Diagnosis
    result: RepairResult
    good: Mapping[str, str]
    bad: Mapping[str, str]

    def repaired(self) -> dict[str, str]:
        assert self.result.decision == "propose", (self.result.reason, self.found.reasons)
        return {
            **self.bad,
            **{item.path: (item.after or b"").decode() for item in self.result.changes},
        }


def play(
    folder: Path, good: Mapping[str, str], bad: Mapping[str, str], *, path: str = "", tools: Tools | None = None,
    first: bool = False,
) -> Played:  # fmt: skip
    """Deploys ``good``, then ``bad`` (``first``: only that), and lets it be mended from the dump and the folder."""
    emulator = KubernetesEmulator(time_factor=0, start=1_795_500_000.0)
    emulator.images.update(
        {
            f"ghcr.io/acme/{name}": ImageBehaviour(ports=(Port(8080),) if name.startswith("web") else ())
            for name in ("web:1.4", "store:7", "tidy:1.0")
        }
    )
    emulator.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}])
    for files in (bad,) if first else (good, bad):
        _write(folder / "repo", files)
        emulator.apply(
            render(FolderTree(folder / "repo"), path, namespace="shop", release="shop", tools=tools),
            namespace="shop",
        )
        emulator.advance(240)
    dump(emulator, folder / "dump")
    return mended(folder, good, bad, path=path, tools=tools)


def mended(
    folder: Path,
    good: Mapping[str, str],
    bad: Mapping[str, str],
    *,
    path: str = "",
    tools: Tools | None = None,
) -> Played:
    """What is found in the dump, and planned for the repository beside it."""
    snapshot = load_dump(folder / "dump")
    found = diagnose(snapshot, target=Target(namespace="shop"))
    result = plan(
        FolderTree(folder / "repo"), found.to_analysis(snapshot), settings=SETTINGS, path=path, snapshot=snapshot,
        target=found.target, tools=tools,
    )  # fmt: skip
    return Played(snapshot, found, result, good, bad)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def slipped(files: Mapping[str, str], file: str, right: str, wrong: str) -> dict[str, str]:
    assert files[file].count(right) == 1, (file, right)
    return {**files, file: files[file].replace(right, wrong)}


@pytest.mark.parametrize(
    ("file", "right", "wrong", "fault", "blamed"),
    [
        ("web.yaml", "memory: 256Mi", "memory: 25Mi", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "memory: 128Mi", "memory: 128Gi", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "    matchLabels: {app: web}", "    matchLabels: {app: wbe}", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "        app: web\n", "        app: webb\n", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "containerPort: 8080", "containerPort: 80800", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "            - name: scratch\n", "            - name: scratc\n", "volume-mount-invalid", "Deployment shop/web"),
        ("web.yaml", "        - name: scratch\n          emptyDir", "        - name: scrtch\n          emptyDir", "volume-mount-invalid", "Deployment shop/web"),
        ("web.yaml", 'value: "3"', "value: 3", "env-var-invalid", "Deployment shop/web"),
        ("web.yaml", "matchLabels: {app: web}", "matchLabels: {aap: web}", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "        app: web\n", "        appp: web\n", "rollout-stuck", "Deployment shop/web"),
        ("web.yaml", "          image: ghcr", "          imge: ghcr", "rollout-stuck", "Deployment shop/web"),
        ("rest.yaml", "  maxReplicas: 5", "  maxReplica: 5", "hpa-misconfigured", "HorizontalPodAutoscaler shop/web"),
        ("rest.yaml", "port: 80\n", "port: 800000\n", "service-port-mismatch", "Service shop/web"),
        ("rest.yaml", "15 3 * * *", "15 33 * * *", "cronjob-invalid", "CronJob shop/tidy"),
        ("rest.yaml", "maxReplicas: 5", "maxReplicas: 1", "hpa-misconfigured", "HorizontalPodAutoscaler shop/web"),
        ("store.yaml", "serviceName: store", "serviceName: stor", "rollout-stuck", "StatefulSet shop/store"),
        ("store.yaml", "storage: 1Gi", "storage: 1Mi", "rollout-stuck", "StatefulSet shop/store"),
        ("store.yaml", "volumeMounts: [{name: data", "volumeMounts: [{name: daata", "volume-mount-invalid", "StatefulSet shop/store"),
        ("store.yaml", "metadata: {name: data}", "metadata: {name: dta}", "volume-mount-invalid", "StatefulSet shop/store"),
    ],
)  # fmt: skip
def test_plain_manifests_get_back_what_was_taken(
    tmp_path: Path, file: str, right: str, wrong: str, fault: str, blamed: str
) -> None:
    played = play(tmp_path, PLAIN, slipped(PLAIN, file, right, wrong))
    root = played.found.root
    assert root is not None, played.found.reasons
    assert (root.fault, root.variant, str(root.object)) == (fault, "refused", blamed)
    assert played.repaired() == PLAIN
    assert not played.result.requires_recreate


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("live/web.yaml", "memory: 512Mi", "memory: 51Mi"),
        ("base/web.yaml", "memory: 128Mi", "memory: 128Gi"),
        ("base/web.yaml", "        app: web\n", "        app: webb\n"),
        ("base/store.yaml", "serviceName: store", "serviceName: stor"),
    ],
)
def test_kustomize_gets_back_what_was_taken(
    tmp_path: Path, tools: Tools, file: str, right: str, wrong: str
) -> None:
    played = play(tmp_path, KUSTOMIZE, slipped(KUSTOMIZE, file, right, wrong), path="live", tools=tools)
    assert played.repaired() == KUSTOMIZE


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("values.yaml", "memory: 256Mi", "memory: 25Mi"),
        ("values.yaml", "memory: 128Mi", "memory: 128Gi"),
        ("values.yaml", "port: 80\n", "port: 800000\n"),
        ("templates/web.yaml", "        app: web\n", "        app: webb\n"),
    ],
)
def test_helm_values_get_back_what_was_taken(
    tmp_path: Path, tools: Tools, file: str, right: str, wrong: str
) -> None:
    played = play(tmp_path, HELM, slipped(HELM, file, right, wrong), tools=tools)
    assert played.repaired() == HELM


def test_what_came_with_it_and_was_not_refused_stays(tmp_path: Path) -> None:
    wanted = slipped(PLAIN, "web.yaml", "value: fast", "value: slow")
    wanted = slipped(wanted, "web.yaml", 'release: "1.4"', 'release: "1.5"')
    wanted = slipped(wanted, "web.yaml", "cpu: 100m", "cpu: 150m")
    played = play(tmp_path, PLAIN, slipped(wanted, "web.yaml", "memory: 256Mi", "memory: 25Mi"))
    assert played.repaired() == wanted


def test_several_refused_fields_are_put_right_together(tmp_path: Path) -> None:
    bad = slipped(PLAIN, "web.yaml", "memory: 256Mi", "memory: 25Mi")
    bad = slipped(bad, "web.yaml", "            - name: scratch\n", "            - name: scratc\n")
    played = play(tmp_path, PLAIN, bad)
    assert played.found.root is not None and played.found.root.fault == "rollout-stuck"
    assert played.repaired() == PLAIN


def test_a_container_that_a_misspelt_name_made_twice_is_given_no_image(tmp_path: Path, tools: Tools) -> None:
    bad = slipped(KUSTOMIZE, "base/web.yaml", "        - name: web\n", "        - name: wbe\n")
    played = play(tmp_path, KUSTOMIZE, bad, path="live", tools=tools)
    assert played.found.root is not None and played.found.root.variant == "refused"
    assert played.result.decision == "escalate"
    assert "image: Required value" in played.result.reason


def test_a_shifted_list_is_left_to_a_person(tmp_path: Path) -> None:
    bad = slipped(
        PLAIN, "web.yaml", "            - name: MODE\n", '            - name: ""\n              value: x\n            - name: MODE\n'
    )  # fmt: skip
    played = play(tmp_path, PLAIN, bad)
    assert played.result.decision == "escalate"
    assert "Required value" in played.result.reason


def test_a_first_deploy_that_is_refused_is_escalated_with_the_refusal(tmp_path: Path) -> None:
    bad = slipped(PLAIN, "web.yaml", "memory: 256Mi", "memory: 25Mi")
    played = play(tmp_path, PLAIN, bad, first=True)
    assert played.found.verdict != "healthy"
    assert played.result.decision == "escalate"
    assert "must be less than or equal to memory limit of 25Mi" in played.result.reason


@pytest.mark.parametrize(
    ("right", "wrong", "field", "fault"),
    [
        ("          image: ghcr", "          imagee: ghcr", '.spec.template.spec.containers[name="web"].imagee', "rollout-stuck"),
        ("          resources:\n", "          resourcess:\n", '.spec.template.spec.containers[name="web"].resourcess', "rollout-stuck"),
        ("  replicas: 2\n", "  replica: 2\n", ".spec.replica", "rollout-stuck"),
        ("              mountPath: /scratch", "              mountPth: /scratch",
         '.spec.template.spec.containers[name="web"].volumeMounts[0].mountPth', "volume-mount-invalid"),
    ],
)  # fmt: skip
def test_a_misspelt_key_gets_the_name_of_the_field(
    tmp_path: Path, right: str, wrong: str, field: str, fault: str
) -> None:
    play(tmp_path, PLAIN, PLAIN)
    bad = slipped(PLAIN, "web.yaml", right, wrong)
    _write(tmp_path / "repo", bad)
    # As kubectl prints it: the sandbox knows no schema.
    line = f"failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): {field}: field not declared in schema"
    (tmp_path / "dump" / "sync.txt").write_text(f"Error from server: {line}\n")
    played = mended(tmp_path, PLAIN, bad)
    assert played.found.root is not None and played.found.root.fault == fault
    assert played.repaired() == PLAIN


@pytest.mark.parametrize(
    ("right", "wrong", "text"),
    [
        ("memory: 256Mi", "memory: 256MB", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ('value: "3"', "value: 3", "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string"),
        ("replicas: 2", "replicas: two", "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_put_right_and_what_else_changed_stays(
    tmp_path: Path, right: str, wrong: str, text: str
) -> None:
    play(tmp_path, PLAIN, PLAIN)
    wanted = slipped(
        slipped(PLAIN, "web.yaml", "value: fast", "value: slow"), "web.yaml", "cpu: 100m", "cpu: 150m"
    )
    bad = slipped(wanted, "web.yaml", right, wrong)
    _write(tmp_path / "repo", bad)
    line = f'Deployment in version "v1" cannot be handled as a Deployment: {text}'
    (tmp_path / "dump" / "sync.txt").write_text(f"Error from server (BadRequest): {line}\n")
    assert mended(tmp_path, wanted, bad).repaired() == wanted


def test_what_no_fault_fits_is_unknown(tmp_path: Path) -> None:
    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata:\n  greeting: hello\n"
    good = {**PLAIN, "words.yaml": extra}
    played = play(tmp_path, good, slipped(good, "words.yaml", "greeting: hello", "greet/ing: hello"))
    assert played.found.verdict == "unknown"
    assert "data" in played.found.reasons[0] and "ConfigMap shop/words" in played.found.reasons[0]


def test_the_gate_derives_it_again_and_trusts_no_value_that_git_does_not_know(tmp_path: Path) -> None:
    played = play(tmp_path, PLAIN, slipped(PLAIN, "web.yaml", "memory: 256Mi", "memory: 25Mi"))
    analysis = played.found.to_analysis(played.snapshot)
    repository = tmp_path / "git"
    for files, subject in ((played.good, "Deploy"), (played.bad, "Less memory")):
        _kept(repository, files)
        plain_git(repository, "add", ".")
        plain_git(repository, "commit", "-q", "-m", subject)
    tree = WorkTree(repository)

    def judged(told: Analysis) -> dict[str, bool]:
        result = plan(tree, told, settings=SETTINGS)
        assert result.decision == "propose", result.reason
        files = tuple(patch_file(c.path, tree.mode(c.path), c.before, c.after) for c in result.changes)
        patch = pack(Envelope("acme/shop", "OPS-1", 1, tree.base_sha, files))
        return {item.rule: item.passed for item in judge(tree, patch, settings=SETTINGS, analysis=told)}

    assert all(judged(analysis).values())
    hidden = LastGood(field="/spec/template/spec/serviceAccountName", value="store", origin="the live object")
    added = {
        **analysis.facts, "field": hidden.field, "fields": [hidden.field], "required": [hidden.field],
        "last_good": [hidden.model_dump()],
    }  # fmt: skip
    assert not all(judged(analysis.model_copy(update={"last_good": (hidden,), "facts": added})).values())
    renamed = {
        **analysis.facts, "fields": [], "last_good": [],
        "meant": [["/spec/template/spec/volumes", "/spec/template/spec/volume"]],
    }  # fmt: skip
    told = analysis.model_copy(update={"last_good": (), "facts": renamed})
    assert plan(tree, told, settings=SETTINGS).decision == "escalate"
    lied = tuple(
        LastGood(
            field=item.field,
            value="64Gi" if item.field.endswith("limits/memory") else item.value,
            origin=item.origin,
        )
        for item in analysis.last_good
    )
    facts = {**analysis.facts, "last_good": [item.model_dump() for item in lied]}
    assert not all(judged(analysis.model_copy(update={"last_good": lied, "facts": facts})).values())


def _kept(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    if not (folder / ".git").exists():
        plain_git(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / name).write_text(text)
