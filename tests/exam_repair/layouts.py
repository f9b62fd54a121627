"""Repositories that deploy an application, in the ways that people lay them out."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfheal.sandbox.gitops import documents
from tests.exam_repair.application import Application, Object, build
from tests.exam_repair.emit import Emitter, Lines, Raw, chance

BIN = Path(__file__).resolve().parents[2] / ".venv" / "bin"
Files = dict[str, bytes]


@dataclass(frozen=True)
class Layout:
    """``path`` is what is deployed; ``told`` whether a manifest in the repository says so as well."""

    name: str
    path: str
    write: Callable[[Application], Files]
    build: Callable[[str, int], Application]
    command: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    #: Renders a copy of the repository for a namespace, where no command does.
    make: Callable[[Path, str], str] | None = None

    def files(self, app: Application) -> Files:
        """The repository, with what lies beside."""
        return {**self.write(app), **{path: text.encode() for path, text in self.extra.items()}}

    def render(self, files: Files, namespace: str) -> list[Object]:
        """What kubectl or Helm make of it; objects without a namespace get one."""
        if not self.command and self.make is None:
            found = []
            for path, data in sorted(files.items()):
                if path.startswith(f"{self.path}/") and path.endswith((".yaml", ".yml", ".json")):
                    found += documents(data.decode(), path)
        else:
            with tempfile.TemporaryDirectory() as folder:
                for path, data in files.items():
                    target = Path(folder) / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(data)
                make = self.make or (lambda root, space: _run(self.command, root, space))
                found = documents(make(Path(folder), namespace))
        for obj in found:
            if obj["kind"] not in ("Namespace", "StorageClass"):
                obj["metadata"].setdefault("namespace", namespace)
        return found


def _run(command: tuple[str, ...], folder: Path, namespace: str) -> str:
    words = [word.replace("NS", namespace) if word == "NS" else word for word in command]
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _role(key: str) -> str:
    return key.partition("/")[2]


def _grouped(app: Application) -> dict[str, list[Object]]:
    groups: dict[str, list[Object]] = {}
    for key, obj in app.objects.items():
        groups.setdefault(_role(key), []).append(obj)
    return groups


# Plain


def _one_per_object(app: Application) -> Files:
    emitter = Emitter(f"{app.theme}/plain")
    return {
        f"deploy/{_role(key)}/{key.partition('/')[0].lower()}.yaml": emitter.document(obj).encode()
        for key, obj in app.objects.items()
    }


def _all_in_one(app: Application) -> Files:
    return {"k8s/all.yaml": Emitter(f"{app.theme}/one").documents(list(app.objects.values())).encode()}


def _crlf(app: Application) -> Files:
    emitter = Emitter(f"{app.theme}/crlf")
    return {
        f"manifests/{role}.yaml": emitter.documents(objects).replace("\n", "\r\n").encode()
        for role, objects in _grouped(app).items()
    }


def _json(app: Application) -> Files:
    return {
        f"deploy/{key.replace('/', '-').lower()}.json": (json.dumps(obj, indent=2) + "\n").encode()
        for key, obj in app.objects.items()
    }


def _list(app: Application) -> Files:
    files = {}
    for role, objects in _grouped(app).items():
        text = Emitter(f"{app.theme}/list").document({"apiVersion": "v1", "kind": "List", "items": objects})
        files[f"cluster/{role}.yml"] = text.encode()
    return files


# Kustomize

#: Whose tag the overlay sets, whose size it patches, and who is patched by JSON operations.
TAGGED, PATCHED, OPERATED, COUNTED = ("web", "report", "db"), ("api", "store"), ("worker",), ("web", "cache")


class Overlays:
    """A base, components, and overlays for two environments."""

    def __init__(self, app: Application, prefix: str = "") -> None:
        self.app = deepcopy(app)
        self.prefix = prefix
        self.files: dict[str, str] = {}
        self.production: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
        }
        self.production |= {"namespace": app.namespace, "resources": ["../../base", "quota.yaml"]}
        self.patches: list[Object] = []
        self.images: list[Object] = []
        self.replicas: list[Object] = []
        self.generators: list[Object] = []

    def emitter(self, what: str) -> Emitter:
        return Emitter(f"{self.app.theme}/{what}")

    def write(self) -> Files:
        for role in TAGGED:
            self._tag(role)
        for role in COUNTED:
            self._count(role)
        for role in PATCHED:
            self._patch(role)
        for role in OPERATED:
            self._operate(role)
        self._generate()
        self._component()
        self.files["overlays/production/quota.yaml"] = self.emitter("quota").documents(
            [self.app.objects.pop("ResourceQuota/all"), self.app.objects.pop("LimitRange/all")]
        )
        names = []
        for role, objects in _grouped(self.app).items():
            names.append(f"{role}.yaml")
            self.files[f"base/{role}.yaml"] = self.emitter("base").documents(objects)
        self._kustomization(
            "base",
            {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names},
        )
        production = {**self.production, "components": ["../../components/scaling"]}
        if self.prefix:
            production["namePrefix"] = self.prefix
        production |= {"patches": self.patches, "images": self.images, "replicas": self.replicas}
        production["configMapGenerator"] = self.generators
        self._kustomization("overlays/production", production)
        staging = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "namespace": f"{self.app.namespace}-staging", "resources": ["../../base"],
            "configMapGenerator": [
                {"name": f"{self.app.name('api')}-settings", "literals": ["REGION=south", "CURRENCY=SEK"]},
                {"name": f"{self.app.name('worker')}-config", "literals": ["worker.yaml={}"]},
            ],
        }  # fmt: skip
        self._kustomization("overlays/staging", staging)
        return {path: text.encode() for path, text in self.files.items()}

    def _kustomization(self, folder: str, tree: Object) -> None:
        self.files[f"{folder}/kustomization.yaml"] = self.emitter(folder).values(tree)

    def _workload(self, role: str) -> tuple[str, Object]:
        key = next(key for key in self.app.objects if _role(key) == role and key.split("/")[0] in (
            "Deployment", "StatefulSet", "CronJob"
        ))  # fmt: skip
        return key, self.app.objects[key]

    def _box(self, obj: Object) -> Object:
        spec = obj["spec"]["jobTemplate"]["spec"] if "jobTemplate" in obj["spec"] else obj["spec"]
        return spec["template"]["spec"]["containers"][0]

    def _tag(self, role: str) -> None:
        box = self._box(self._workload(role)[1])
        name, _, tag = box["image"].rpartition(":")
        box["image"] = name
        self.images.append({"name": name, "newTag": tag})

    def _count(self, role: str) -> None:
        _, obj = self._workload(role)
        self.replicas.append({"name": obj["metadata"]["name"], "count": obj["spec"]["replicas"]})
        obj["spec"]["replicas"] = 1

    def _patch(self, role: str) -> None:
        _, obj = self._workload(role)
        box = self._box(obj)
        inside: Object = {"name": box["name"], "resources": box["resources"]}
        box["resources"] = {"requests": {"memory": "32Mi"}}
        if role == "api":
            pool = next((item for item in box["env"] if item["name"] == "POOL_SIZE"), None)
            if pool is not None:
                inside["env"] = [dict(pool)]
                pool["value"] = "5"
        patch = {
            "apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {"name": obj["metadata"]["name"]},
            "spec": {"replicas": obj["spec"]["replicas"], "template": {"spec": {"containers": [inside]}}},
        }  # fmt: skip
        obj["spec"]["replicas"] = 1
        self.files[f"overlays/production/{role}.patch.yaml"] = self.emitter("patch").document(patch)
        self.patches.append({"path": f"{role}.patch.yaml"})

    def _operate(self, role: str) -> None:
        key, obj = self._workload(role)
        spec = obj["spec"]["template"]["spec"]
        operations: list[Object] = [
            {"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu",
             "value": spec["containers"][0]["resources"]["requests"]["cpu"]}
        ]  # fmt: skip
        spec["containers"][0]["resources"]["requests"]["cpu"] = "20m"
        for word in ("nodeSelector", "tolerations"):
            if word in spec:
                operations.append(
                    {"op": "add", "path": f"/spec/template/spec/{word}", "value": spec.pop(word)}
                )
        emitter = self.emitter("operations")
        text = "\n".join(emitter._list(operations, 0, "ops")) + "\n"
        self.files[f"overlays/production/{role}-place.yaml"] = text
        target = {"kind": key.split("/")[0], "name": obj["metadata"]["name"]}
        self.patches.append({"path": f"{role}-place.yaml", "target": target})

    def _generate(self) -> None:
        settings = self.app.objects.pop("ConfigMap/api")
        literals = [f"{key}={value}" for key, value in settings["data"].items()]
        self.generators.append({"name": settings["metadata"]["name"], "literals": literals})
        worker = self.app.objects.pop("ConfigMap/worker")
        self.files["overlays/production/config/worker.yaml"] = (
            "# read by the worker at start\n" + worker["data"]["worker.yaml"]
        )
        self.generators.append(
            {"name": worker["metadata"]["name"], "files": ["worker.yaml=config/worker.yaml"]}
        )

    def _component(self) -> None:
        taken = ["HorizontalPodAutoscaler/api", "PodDisruptionBudget/web"]
        for key in taken:
            name = f"components/scaling/{_role(key)}.yaml"
            self.files[name] = self.emitter("scaling").document(self.app.objects.pop(key))
        tree = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "resources": ["api.yaml", "web.yaml"],
        }
        self._kustomization("components/scaling", tree)


# Helm


class Chart:
    """One chart with a template a role, values for each environment, a helper and a subchart."""

    def __init__(self, app: Application, release: str) -> None:
        self.app, self.release = deepcopy(app), release
        self.values: Object = {}
        self.production: Object = {}
        self.files: dict[str, str] = {}

    def write(self) -> Files:
        root = f"charts/{self.release}"
        about = {"apiVersion": "v2", "name": self.release, "version": "1.4.0", "appVersion": "2.4"}
        self.files[f"{root}/Chart.yaml"] = Emitter("chart", comments=False).values(about)
        self.files[f"{root}/templates/_helpers.tpl"] = (
            '{{- define "app.name" -}}\n{{ .root.Release.Name }}-{{ .part }}\n{{- end -}}\n'
            '{{- define "app.labels" -}}\napp.kubernetes.io/name: {{ .root.Release.Name }}-{{ .part }}\n'
            "app.kubernetes.io/part-of: {{ .root.Release.Namespace }}\n{{- end -}}\n"
        )
        for role, objects in _grouped(self.app).items():
            if role == "cache":
                continue
            for obj in objects:
                self._lift(role, obj)
            text = Emitter(f"{self.app.theme}/chart").documents([self._named(obj) for obj in objects])
            self.files[f"{root}/templates/{role}.yaml"] = self._expressions(text)
        self._subchart(root)
        self.files[f"{root}/values.yaml"] = Emitter(f"{self.app.theme}/values").values(self.values)
        self.files[f"{root}/values-production.yaml"] = Emitter(f"{self.app.theme}/production").values(
            self.production
        )
        staging = {"web": {"replicas": 1}, "api": {"replicas": 1, "env": {"POOL_SIZE": "5"}}}
        self.files[f"{root}/values-staging.yaml"] = Emitter("staging", comments=False).values(staging)
        return {path: text.encode() for path, text in self.files.items()}

    def _expressions(self, text: str) -> str:
        """Quotes around expressions only where they are part of a text."""
        return text

    def _named(self, obj: Object) -> Object:
        """Names through the helper."""
        named = deepcopy(obj)
        name = named["metadata"]["name"]
        if name.startswith(f"{self.release}-"):
            part = name.removeprefix(f"{self.release}-")
            named["metadata"]["name"] = Raw(f'{{{{ include "app.name" (dict "root" $ "part" "{part}") }}}}')
        return named

    def _set(
        self, role: str, path: tuple[str, ...], value: Any, production: bool = False, default: Any = None
    ) -> Raw:
        tree = self.production if production else self.values
        _put(tree, (role, *path), value)
        if production:
            _put(self.values, (role, *path), default)
        return Raw("{{ .Values." + ".".join((role, *path)) + " }}")

    def _lift(self, role: str, obj: Object) -> None:
        kind = obj["kind"]
        if kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"):
            self._workload(role, obj)
        elif kind == "Service" and role in ("web", "api", "rpc"):
            port = obj["spec"]["ports"][0]
            port["port"] = self._set(role, ("service", "port"), port["port"])
            port["targetPort"] = self._set(role, ("service", "targetPort"), port["targetPort"])
        elif kind == "ConfigMap" and role == "api":
            data = obj["data"]
            for key in list(data):
                expression = self._set(role, ("settings", key.lower()), data[key])
                data[key] = Raw(expression.replace(" }}", " | quote }}"))
        elif kind == "ConfigMap" and role == "worker":
            self.files[f"charts/{self.release}/files/worker.yaml"] = obj["data"]["worker.yaml"]
            obj["data"] = Lines(["worker.yaml: |", '{{- .Files.Get "files/worker.yaml" | nindent 4 }}'])
        elif kind == "Ingress":
            obj["spec"]["ingressClassName"] = self._set(
                role, ("ingress", "className"), obj["spec"]["ingressClassName"]
            )
        elif kind == "HorizontalPodAutoscaler":
            for word in ("minReplicas", "maxReplicas"):
                obj["spec"][word] = self._set(role, ("autoscaling", word), obj["spec"][word])

    def _workload(self, role: str, obj: Object) -> None:
        spec = obj["spec"]["jobTemplate"]["spec"] if "jobTemplate" in obj["spec"] else obj["spec"]
        pod = spec["template"]["spec"]
        box = pod["containers"][0]
        name, _, tag = box["image"].rpartition(":")
        self._set(role, ("image", "repository"), name)
        self._set(role, ("image", "tag"), tag, role in ("web", "api"), "0.0.1")
        box["image"] = Raw(f'"{{{{ .Values.{role}.image.repository }}}}:{{{{ .Values.{role}.image.tag }}}}"')
        if "replicas" in obj["spec"]:
            obj["spec"]["replicas"] = self._set(
                role, ("replicas",), obj["spec"]["replicas"], role in ("web", "api"), 1
            )
        if chance(f"{self.app.theme}{role}resources", 3):
            production = role in ("api", "store")
            resources = box["resources"]
            self._set(role, ("resources",), resources, production, {"requests": {"memory": "32Mi"}})
            box["resources"] = Lines([f"{{{{- toYaml .Values.{role}.resources | nindent %N% }}}}"])
        if "env" in box:
            self._environment(role, box)
        if role in ("web", "store") and "httpGet" in box.get("readinessProbe", {}):
            probe = box["readinessProbe"]["httpGet"]
            probe["path"] = self._set(role, ("readiness", "path"), probe["path"])
            probe["port"] = self._set(role, ("readiness", "port"), probe["port"])
        if role == "worker":
            for word in ("nodeSelector", "tolerations"):
                if word in pod:
                    self._set(role, (word,), pod[word])
                    pod[word] = Lines([f"{{{{- toYaml .Values.{role}.{word} | nindent %N% }}}}"])
            sum_ = '{{ .Files.Get "files/worker.yaml" | sha256sum }}'
            spec["template"]["metadata"]["annotations"] = {"checksum/config": Raw(sum_)}

    def _environment(self, role: str, box: Object) -> None:
        plain = {item["name"]: item["value"] for item in box["env"] if "value" in item}
        _put(self.values, (role, "env"), dict(plain))
        if role == "api" and "POOL_SIZE" in plain:
            _put(self.production, (role, "env"), {"POOL_SIZE": plain["POOL_SIZE"]})
            self.values[role]["env"]["POOL_SIZE"] = "5"
        lines = [
            f"{{{{- range $name, $value := .Values.{role}.env }}}}",
            "- name: {{ $name }}",
            "  value: {{ $value | quote }}",
            "{{- end }}",
        ]
        for item in box["env"]:
            if "valueFrom" in item:
                kind, held = next(iter(item["valueFrom"].items()))
                lines += [f"- name: {item['name']}", "  valueFrom:", f"    {kind}:"]
                lines += [f"      {key}: {value}" for key, value in held.items()]
        box["env"] = Lines(lines)

    def _subchart(self, root: str) -> None:
        folder = f"{root}/charts/cache"
        self.files[f"{folder}/Chart.yaml"] = "apiVersion: v2\nname: cache\nversion: 0.1.0\n"
        objects = [obj for key, obj in self.app.objects.items() if _role(key) == "cache"]
        box = objects[0]["spec"]["template"]["spec"]["containers"][0]
        name, _, tag = box["image"].rpartition(":")
        box["image"] = Raw('"{{ .Values.image }}:{{ .Values.tag | default "latest" }}"')
        objects[0]["spec"]["replicas"], count = Raw("{{ .Values.replicas }}"), objects[0]["spec"]["replicas"]
        objects[1]["spec"]["ports"][0]["port"], port = (
            Raw("{{ .Values.port }}"),
            objects[1]["spec"]["ports"][0]["port"],
        )
        own = Emitter("cache-values", comments=False).values(
            {"image": name, "tag": "0", "replicas": 1, "port": port}
        )
        self.files[f"{folder}/values.yaml"] = "# defaults of the cache\n" + own
        self.values["cache"] = {"tag": tag}
        self.production["cache"] = {"replicas": count}
        text = Emitter(f"{self.app.theme}/cache").documents([self._named(obj) for obj in objects])
        self.files[f"{folder}/templates/cache.yaml"] = text.replace(
            'include "app.name"', 'include "cache.name"'
        )
        self.files[f"{folder}/templates/_names.tpl"] = (
            '{{- define "cache.name" -}}\n{{ .root.Release.Name }}-{{ .part }}\n{{- end -}}\n'
        )


def _put(tree: Object, path: tuple[str, ...], value: Any) -> None:
    for word in path[:-1]:
        tree = tree.setdefault(word, {})
    tree[path[-1]] = value


# The list

RELEASE = "shelf"
_CHART = f"charts/{RELEASE}"
_HELM = (
    "helm", "template", RELEASE, _CHART, "-n", "NS", "-f", f"{_CHART}/values-production.yaml", "--skip-schema-validation",
)  # fmt: skip
_ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  destination: {{namespace: {namespace}, server: "https://kubernetes.default.svc"}}
  source:
    repoURL: https://git.example.org/team/deploy.git
    path: {path}
    targetRevision: main
{helm}"""


def argo(path: str, namespace: str, helm: str = "") -> str:
    """An Application for production."""
    text = f"    helm:\n      releaseName: {RELEASE}\n      valueFiles: [{helm}]\n" if helm else ""
    return _ARGO.format(name="production", namespace=namespace, path=path, helm=text)


def _plain(theme: str, services: int) -> Application:
    return build(theme, services)


def bare(theme: str, services: int) -> Application:
    return build(theme, services, namespaced=False)


def _prefixed(theme: str, services: int) -> Application:
    return build(theme, services, "live-", namespaced=False)


def released(theme: str, services: int) -> Application:
    return build(theme, services, namespaced=False, release=RELEASE)


_BUILD = ("kubectl", "kustomize", "overlays/production")
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("plain", "deploy", _one_per_object, _plain),
        Layout("one", "k8s", _all_in_one, _plain),
        Layout("crlf", "manifests", _crlf, bare),
        Layout("json", "deploy", _json, _plain),
        Layout("list", "cluster", _list, _plain),
        Layout("kustomize", "overlays/production", lambda app: Overlays(app).write(), bare, _BUILD),
        Layout("prefix", "overlays/production", lambda app: Overlays(app, "live-").write(), _prefixed, _BUILD),
        Layout("helm", _CHART, lambda app: Chart(app, RELEASE).write(), released, _HELM),
        Layout(
            "argo-helm", _CHART, lambda app: {
                **Chart(app, RELEASE).write(),
                "argocd/production.yaml": argo(_CHART, app.namespace, "values-production.yaml").encode(),
            }, released, _HELM,
        ),
        Layout(
            "argo-kustomize", "overlays/production", lambda app: {
                **Overlays(app).write(),
                "argocd/production.yaml": argo("overlays/production", app.namespace).encode(),
            }, bare, _BUILD,
        ),
    )
}  # fmt: skip
