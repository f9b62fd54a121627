"""Components of the cluster that are ill: scheduler, proxy, network."""

from __future__ import annotations

from collections.abc import Iterator

from tests.exam.dump import Dump
from tests.exam.injections.places import PLACES, own, rolled
from tests.exam.injections.views import EVERY, calls_fail, node_of, short
from tests.exam.parts import Object
from tests.exam.scene import Case, Scene


def component_cases() -> Iterator[Case]:
    def no_scheduler(scene: Scene, part: str) -> None:
        scene.restart(part)
        scene.wait(30)

        def edit(dump: Dump) -> None:
            for pod in dump.pods(part):
                name = pod["metadata"]["name"]
                pod["spec"].pop("nodeName", None)
                pod["status"] = {"phase": "Pending", "qosClass": "Burstable"}
                dump.objects[dump.namespace, "events"] = [
                    event for event in dump.items("events") if event["involvedObject"]["name"] != name
                ]
                for key in [key for key in dump.logs if key[1] == name]:
                    del dump.logs[key]
                pod["metadata"]["creationTimestamp"] = dump.ago(400)
            short(dump, part)

        scene.after.append(edit)

    def other_scheduler(scene: Scene, part: str) -> None:
        scene.app.pod(part)["schedulerName"] = "batch-scheduler"
        no_scheduler(scene, part)

    for app, part in (*PLACES[:4], *PLACES[6:10]):
        answers = (*own(part), ("Pod", "kube-scheduler"), ("Namespace", "kube-system"), ("Pod", part))
        yield Case(
            app, "scheduler-unavailable", f"silent-{part}", answers, rolled(no_scheduler, part, 300), part
        )
    for app, part in (("market", "fx"), ("clinic", "lab")):
        yield Case(
            app, "scheduler-unavailable", f"named-{part}", own(part), rolled(other_scheduler, part, 300), part
        )

    def no_proxy(scene: Scene, part: str) -> None:
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            for pod in dump.items("pods"):
                if pod["spec"].get("nodeName") == node and pod.get("status", {}).get("phase") == "Running":
                    held = dump.app.parts.get(pod["metadata"].get("labels", {}).get("app", ""))
                    for callee in held.calls if held else {}:
                        calls_fail(dump, pod, callee, "i/o timeout")

        scene.after.append(edit)

    for app, part in (
        ("market", "web"),
        ("market", "orders"),
        ("clinic", "gateway"),
        ("clinic", "appointments"),
    ):
        yield Case(app, "kube-proxy-unavailable", f"node-of-{part}", EVERY, rolled(no_proxy, part, 200), part)

    def proxy_pods(scene: Scene, part: str) -> None:
        no_proxy(scene, part)
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            pods = []
            for held in dump.items("nodes"):
                name = held["metadata"]["name"]
                ready = name != node
                status: Object = {
                    "name": "kube-proxy",
                    "image": "registry.k8s.io/kube-proxy:v1.33.1",
                    "ready": ready,
                    "restartCount": 0 if ready else 9,
                    "state": {"running": {"startedAt": dump.ago(9000)}},
                }
                if not ready:
                    status["state"] = {
                        "waiting": {
                            "reason": "CrashLoopBackOff",
                            "message": "back-off 5m0s restarting failed container=kube-proxy",
                        }
                    }
                    status["lastState"] = {
                        "terminated": {
                            "exitCode": 1,
                            "reason": "Error",
                            "startedAt": dump.ago(60),
                            "finishedAt": dump.ago(58),
                        }
                    }
                pods.append(
                    {
                        "apiVersion": "v1", "kind": "Pod",
                        "metadata": {"name": f"kube-proxy-{name}", "namespace": "kube-system", "uid": f"kp-{name}", "labels": {"k8s-app": "kube-proxy"}, "creationTimestamp": dump.ago(9000), "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "kube-proxy", "uid": "kp", "controller": True}]},
                        "spec": {"nodeName": name, "hostNetwork": True, "containers": [{"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.33.1"}]},
                        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}], "containerStatuses": [status]},
                    }
                )  # fmt: skip
            template = {"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": pods[0]["spec"]}
            daemon = {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {
                    "name": "kube-proxy",
                    "namespace": "kube-system",
                    "uid": "kp",
                    "creationTimestamp": dump.ago(9000),
                },
                "spec": {"selector": {"matchLabels": {"k8s-app": "kube-proxy"}}, "template": template},
                "status": {
                    "desiredNumberScheduled": 4,
                    "currentNumberScheduled": 4,
                    "numberReady": 3,
                    "numberUnavailable": 1,
                },
            }
            dump.objects["kube-system", "pods"] = pods
            dump.objects["kube-system", "daemonsets"] = [daemon]

        scene.after.append(edit)

    for app, part in (("market", "web"), ("clinic", "gateway")):
        yield Case(
            app,
            "kube-proxy-unavailable",
            f"pods-{part}",
            (*EVERY, ("DaemonSet", "kube-proxy"), ("Pod", "kube-proxy")),
            rolled(proxy_pods, part, 200),
            part,
        )

    def slow_pods(scene: Scene, part: str) -> None:
        """Packets of one workload's pods are delayed: its callers run into their deadlines now and then."""

        def edit(dump: Dump) -> None:
            for name, held in dump.app.parts.items():
                if part in held.calls:
                    for pod in dump.pods(name):
                        calls_fail(dump, pod, part, "i/o timeout", every=24)
            for pod in dump.pods(part):
                container = pod["spec"]["containers"][0]
                address = pod["status"].get("podIP")
                dump.event(
                    pod,
                    "Warning",
                    "Unhealthy",
                    f'Readiness probe failed: Get "http://{address}:{container.get("ports", [{"containerPort": 80}])[0]["containerPort"]}/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
                    ago=15,
                    first=380,
                    count=9,
                    container=str(container["name"]),
                )

        scene.after.append(edit)

    for app, part in (
        ("market", "catalogue"),
        ("market", "basket"),
        ("clinic", "patients"),
        ("clinic", "rooms"),
        ("clinic", "auth"),
    ):
        yield Case(
            app,
            "network-degraded",
            f"pods-{part}",
            (*own(part), *EVERY, ("Service", part)),
            rolled(slow_pods, part, 200),
            part,
        )

    def slow_node(scene: Scene, part: str) -> None:
        node = node_of(scene, part)

        def edit(dump: Dump) -> None:
            for pod in dump.items("pods"):
                held = dump.app.parts.get(pod["metadata"].get("labels", {}).get("app", ""))
                if held is None or pod.get("status", {}).get("phase") != "Running":
                    continue
                for callee in held.calls:
                    there = any(other["spec"].get("nodeName") == node for other in dump.pods(callee))
                    if there or pod["spec"].get("nodeName") == node:
                        calls_fail(dump, pod, callee, "i/o timeout", every=31)

        scene.after.append(edit)

    for app, part in (("market", "catalogue"), ("clinic", "patients")):
        yield Case(
            app,
            "network-degraded",
            f"node-{part}",
            (*EVERY, *own(part)),
            rolled(slow_node, part, 200),
            part,
            also=("kube-proxy-unavailable",),
        )
