"""The same faults in a repository of plain manifests, a Kustomize overlay and a chart's values: each healed to the end."""

from __future__ import annotations

import shutil
from textwrap import dedent

import pytest

from selfheal.incidents.states import State

REPOSITORY = "acme/market"
IMAGE = "registry.example/acme/basket"
#: What a person sees in the repository while all is well, by layout.
DEPLOYMENT = """\
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: {name}
    spec:
      replicas: {replicas}
      selector:
        matchLabels: {{app: basket}}
      template:
        metadata:
          labels: {{app: basket}}
        spec:
          containers:
            - name: basket
              image: {image} # set by the release
              ports:
                - containerPort: 8080
              readinessProbe:
                httpGet: {{path: /ready, port: 8080}}
                periodSeconds: 5
              resources:
                requests: {{cpu: 50m, memory: 64Mi}}
                limits: {{memory: {memory}}}
    """
SERVICE = """\
    apiVersion: v1
    kind: Service
    metadata:
      name: {name}
    spec:
      selector: {{app: basket}}
      ports:
        - port: 80
          targetPort: 8080
    """
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: market\n"
VALUES = 'image:\n  repository: registry.example/acme/basket\n  tag: "1.4.0" # set by the release\nmemory: 64Mi\nreplicas: 1\n'


def manifest(text, namespace="market", **given):
    given = {"name": "basket", "replicas": 2, "image": f"{IMAGE}:1.4.0", "memory": "128Mi", **given}
    found = dedent(text).format(**given)
    named = "metadata:\n  name: basket\n"
    return found.replace(named, f"{named}  namespace: {namespace}\n", 1) if namespace else found


def plain():
    return "deploy", (), {
        "deploy/namespace.yaml": NAMESPACE,
        "deploy/basket.yaml": manifest(DEPLOYMENT),
        "deploy/service.yaml": manifest(SERVICE),
    }  # fmt: skip


def kustomize():
    overlay = """\
        apiVersion: kustomize.config.k8s.io/v1beta1
        kind: Kustomization
        namespace: market
        resources:
          - ../../base
          - namespace.yaml
        images:
          - name: registry.example/acme/basket
            newTag: 1.4.0 # set by the release
        patches:
          - path: basket.yaml
        """
    patch = """\
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: basket
        spec:
          template:
            spec:
              containers:
                - name: basket
                  resources:
                    limits: {memory: 128Mi} # production carries more
        """
    base = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [basket.yaml, service.yaml]\n"
    return "overlays/production", (), {
        "base/kustomization.yaml": base,
        "base/basket.yaml": manifest(DEPLOYMENT, "", image=IMAGE, memory="96Mi"),
        "base/service.yaml": manifest(SERVICE, ""),
        "overlays/production/kustomization.yaml": dedent(overlay),
        "overlays/production/namespace.yaml": NAMESPACE,
        "overlays/production/basket.yaml": dedent(patch),
    }  # fmt: skip


def helm():
    image = '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"'
    template = manifest(
        DEPLOYMENT, image=image, memory="{{ .Values.memory }}", replicas="{{ .Values.replicas }}"
    )
    production = "# What production differs in.\nmemory: 128Mi # production carries more\nreplicas: 2\n"
    return "charts/basket", ("charts/basket/values-production.yaml",), {
        "charts/basket/Chart.yaml": "apiVersion: v2\nname: basket\nversion: 0.1.0\n",
        "charts/basket/values.yaml": VALUES,
        "charts/basket/values-production.yaml": production,
        "charts/basket/templates/namespace.yaml": NAMESPACE,
        "charts/basket/templates/basket.yaml": template,
        "charts/basket/templates/service.yaml": manifest(SERVICE),
    }  # fmt: skip


LAYOUTS = {"plain": plain, "kustomize": kustomize, "helm": helm}
#: By fault and layout: the file that says it, what stands there in good health, and what somebody made of it.
SLIPS = {
    "image-not-found": {
        "plain": ("deploy/basket.yaml", "basket:1.4.0", "basket:1.40"),
        "kustomize": ("overlays/production/kustomization.yaml", "newTag: 1.4.0", "newTag: 1.40.0"),
        "helm": ("charts/basket/values.yaml", '"1.4.0"', '"1.40"'),
    },
    "oom-killed": {
        "plain": ("deploy/basket.yaml", "{memory: 128Mi}", "{memory: 72Mi}"),
        "kustomize": ("overlays/production/basket.yaml", "memory: 128Mi", "memory: 72Mi"),
        "helm": ("charts/basket/values-production.yaml", "memory: 128Mi", "memory: 72Mi"),
    },
    "readiness-probe-misconfigured": {
        "plain": ("deploy/basket.yaml", "path: /ready", "path: /raedy"),
        "kustomize": ("base/basket.yaml", "path: /ready", "path: /raedy"),
        "helm": ("charts/basket/templates/basket.yaml", "path: /ready", "path: /raedy"),
    },
}


def scenery(folder, layout, slip):
    """A scenario and its application, as the sandbox reads them from a folder."""
    path, values, files = LAYOUTS[layout]()
    for name, text in files.items():
        target = folder / "applications/market/repo" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    settings = f"""\
        jira: {{project: INC, escalation: sre-on-call}}
        services:
          - name: basket
            namespace: market
            workloads: [Deployment/basket]
            path: {path}
            environment: production
        """
    (folder / "applications/market/repo/.selfheal.yml").write_text(dedent(settings))
    about = f"""\
        repository: {REPOSITORY}
        path: {path}
        namespace: market
        release: basket
        values: [{", ".join(values)}]
        images:
          {IMAGE}:1.4.0:
            memory: 90Mi
            ports: [{{number: 8080}}]
            paths: {{/ready: 200}}
        """
    (folder / "applications/market/application.yaml").write_text(dedent(about))
    file, good, bad = slip
    incident = f"""\
        application: market
        incident:
          summary: Basket rollout hangs
          description: The new pods of basket do not become ready.
          priority: High
          labels: [basket]
        change:
          message: "basket: tidy up"
          author: Jonas Weber <jonas@acme.example>
          edits:
            - {{path: {file}, replace: {good!r}, by: {bad!r}}}
        """
    (folder / "slip").mkdir()
    (folder / "slip/scenario.yaml").write_text(dedent(incident))


@pytest.mark.parametrize("fault", SLIPS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_form_is_healed(stage, tmp_path, layout, fault):
    for program in {"kustomize": ["kubectl"], "helm": ["helm"]}.get(layout, []):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    file, good, bad = SLIPS[fault][layout]
    scenery(tmp_path / "scenery", layout, (file, good, bad))
    crew = stage("slip", scenery=tmp_path / "scenery")
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.state is State.INCIDENT_RESOLVED, [report.summary for report in crew.reports]
    assert record.analysis.fault == fault
    (pull,) = crew.pulls()
    assert pull.pull.merged is not None
    bare = crew.world.github.bare(REPOSITORY)
    merged = crew.world.gitops[0].revision()
    assert changed(bare, merged) == [file]
    before, after = shown(bare, f"{merged}~1", file), shown(bare, merged, file)
    assert before.count(bad.strip('"')) == 1
    assert after == before.replace(bad, good)


def changed(bare, revision):
    return git(bare, "diff", "--name-only", f"{revision}~1", revision).split()


def shown(bare, revision, path):
    return git(bare, "show", f"{revision}:{path}")


def git(bare, *words):
    from subprocess import run

    done = run(["git", f"--git-dir={bare}", *words], capture_output=True, text=True, check=True)
    return done.stdout
