"""The API server over HTTP, through the official client."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import kubernetes
import pytest
import requests
from kubernetes.client.exceptions import ApiException

from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.kubernetes.objects import Key
from tests.sandbox.kubernetes.manifests import NAMESPACE, READY, configmap, deployment, pods, service, still


@pytest.fixture
def server() -> Iterator[KubernetesEmulator]:
    emulator = still()
    with emulator:
        yield emulator


def client(server: KubernetesEmulator, tmp_path, account: str = "admin") -> kubernetes.client.ApiClient:
    path = server.write_kubeconfig(tmp_path / f"{account}.config", account=account)
    return kubernetes.config.new_client_from_config(str(path))


@pytest.fixture
def api(server, tmp_path) -> Iterator[kubernetes.client.ApiClient]:
    with client(server, tmp_path) as held:
        yield held


def core(api) -> kubernetes.client.CoreV1Api:
    return kubernetes.client.CoreV1Api(api)


def apps(api) -> kubernetes.client.AppsV1Api:
    return kubernetes.client.AppsV1Api(api)


def test_without_a_token_nothing(server):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}):
        answer = requests.get(f"{server.url}/api/v1/pods", headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["reason"] == "Unauthorized"


def test_the_reader_reads_everything_but_secrets_and_writes_nothing(server, tmp_path):
    with client(server, tmp_path, "reader") as api:
        assert core(api).list_pod_for_all_namespaces().items == []
        with pytest.raises(ApiException) as caught:
            core(api).list_namespaced_secret(NAMESPACE)
        assert caught.value.status == 403
        assert (
            'secrets is forbidden: User \\"system:serviceaccount:selfheal:reader\\" cannot list resource \\"secrets\\" in API '
            'group \\"\\" in the namespace \\"shop\\"' in caught.value.body
        )
        with pytest.raises(ApiException) as caught:
            core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
        assert caught.value.status == 403
        review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
        authorisation = kubernetes.client.AuthorizationV1Api(api)
        assert authorisation.create_self_subject_access_review(review).status.allowed
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}}
        assert not authorisation.create_self_subject_access_review(review).status.allowed


def test_a_token_is_in_no_answer_and_no_log(server, tmp_path):
    with client(server, tmp_path) as api:
        core(api).list_namespace()
    assert server.accounts["admin"].token not in str(server.requests)
    assert (tmp_path / "admin.config").stat().st_mode & 0o077 == 0


def test_create_read_change_delete(api):
    made = core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
    assert made.metadata.uid and made.metadata.resource_version
    with pytest.raises(ApiException) as caught:
        core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
    assert (caught.value.status, "AlreadyExists" in caught.value.body) == (409, True)
    made.data["a"] = "2"
    changed = core(api).replace_namespaced_config_map("config", NAMESPACE, made)
    assert int(changed.metadata.resource_version) > int(made.metadata.resource_version)
    with pytest.raises(ApiException) as caught:
        core(api).replace_namespaced_config_map("config", NAMESPACE, made)
    assert caught.value.status == 409
    assert (
        "the object has been modified; please apply your changes to the latest version" in caught.value.body
    )
    core(api).delete_namespaced_config_map("config", NAMESPACE)
    with pytest.raises(ApiException) as caught:
        core(api).read_namespaced_config_map("config", NAMESPACE)
    assert (caught.value.status, 'configmaps \\"config\\" not found' in caught.value.body) == (404, True)


def test_a_write_without_change_is_none(api):
    core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
    first = core(api).patch_namespaced_config_map("config", NAMESPACE, {"data": {"a": "1"}})
    again = core(api).patch_namespaced_config_map("config", NAMESPACE, {"data": {"a": "1"}})
    assert first.metadata.resource_version == again.metadata.resource_version


def test_dry_run_changes_nothing(api, server):
    version = server.cluster.store.version
    made = apps(api).create_namespaced_deployment(NAMESPACE, deployment(), dry_run="All")
    assert made.spec.strategy.type == "RollingUpdate"
    assert server.cluster.store.version == version
    with pytest.raises(ApiException) as caught:
        apps(api).create_namespaced_deployment(
            NAMESPACE, deployment(container={"ports": [{"containerPort": 0}]}), dry_run="All"
        )
    assert caught.value.status == 422
    assert "must be between 1 and 65535, inclusive" in caught.value.body


def test_the_request_log_tells_questions_from_writes(api, server):
    review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    kubernetes.client.AuthorizationV1Api(api).create_self_subject_access_review(review)
    core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"), dry_run="All")
    assert [entry["effect"] for entry in server.requests] == [False, False]
    core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
    assert server.requests[-1]["effect"]


def test_strategic_merge_and_json_patches(api):
    apps(api).create_namespaced_deployment(
        NAMESPACE, deployment(container={"env": [{"name": "A", "value": "1"}]})
    )
    env = [{"name": "B", "value": "2"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}}
    done = apps(api).patch_namespaced_deployment("web", NAMESPACE, patch)
    assert [item.name for item in done.spec.template.spec.containers[0].env] == ["A", "B"]
    assert done.metadata.generation == 2
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    done = apps(api).patch_namespaced_deployment("web", NAMESPACE, operations)
    assert done.spec.replicas == 3
    with pytest.raises(ApiException) as caught:
        apps(api).patch_namespaced_deployment(
            "web", NAMESPACE, [{"op": "test", "path": "/spec/replicas", "value": 9}]
        )
    assert caught.value.status == 422
    scale = apps(api).patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 1}})
    assert scale.spec.replicas == 1


def test_status_is_a_place_of_its_own(api, server):
    apps(api).create_namespaced_deployment(NAMESPACE, deployment(replicas=2))
    server.advance(10)
    held = apps(api).read_namespaced_deployment("web", NAMESPACE)
    assert held.status.observed_generation == held.metadata.generation
    held.status.replicas = 77
    done = apps(api).replace_namespaced_deployment("web", NAMESPACE, held)
    assert done.status.replicas == 2
    done = apps(api).patch_namespaced_deployment_status(
        "web", NAMESPACE, {"status": {"replicas": 5}, "spec": {"replicas": 9}}
    )
    assert (done.spec.replicas, done.status.replicas) in ((2, 5), (2, 2))


def test_server_side_apply(server):
    token, url = (
        server.accounts["admin"].token,
        f"{server.url}/api/v1/namespaces/{NAMESPACE}/configmaps/config",
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}

    def apply(text: str, manager: str) -> requests.Response:
        return requests.patch(url, params={"fieldManager": manager}, data=text, headers=headers, timeout=5)

    assert apply("data: {a: '1', b: '2'}", "one").status_code == 201
    assert apply("data: {c: '3'}", "two").json()["data"] == {"a": "1", "b": "2", "c": "3"}
    assert apply("data: {a: '1'}", "one").json()["data"] == {"a": "1", "c": "3"}
    assert requests.patch(url, data="data: {}", headers=headers, timeout=5).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "kind", "body", "status"),
    [
        ("POST", "", "application/json", "{", 400),
        ("POST", "", "application/json", "[]", 400),
        ("POST", "", "application/json", '{"metadata": {"namespace": "other", "name": "x"}}', 400),
        ("POST", "", "application/json", '{"kind": "Secret", "metadata": {"name": "x"}}', 400),
        ("POST", "", "application/json", '{"metadata": 5}', 400),
        ("POST", "", "application/json", '{"metadata": {}}', 422),
        ("PUT", "/config", "application/json", '{"metadata": {"name": "x"}}', 400),
        ("PATCH", "/config", "application/merge-patch+json", "[]", 400),
        ("PATCH", "/config", "application/merge-patch+json", '{"metadata": null}', 400),
        (
            "PATCH",
            "/config",
            "application/merge-patch+json",
            '{"metadata": {"name": "other"}, "kind": "Pod"}',
            200,
        ),
        ("PATCH", "/config", "text/plain", "{}", 415),
        ("PATCH", "/gone", "application/merge-patch+json", "{}", 404),
        ("DELETE", "/gone", "application/json", "", 404),
    ],
)
def test_requests_that_are_wrong(server, method, path, kind, body, status):
    server.apply([configmap(a="1")])
    headers = {"Authorization": f"Bearer {server.accounts['admin'].token}", "Content-Type": kind}
    url = f"{server.url}/api/v1/namespaces/{NAMESPACE}/configmaps{path}"
    answer = requests.request(method, url, data=body, headers=headers, timeout=5)
    assert answer.status_code == status
    held = server.get("ConfigMap", NAMESPACE, "config")
    assert (held["kind"], held["data"]) == ("ConfigMap", {"a": "1"})


def test_selectors(api, server):
    server.apply([deployment("one"), deployment("two"), service("one")])
    server.advance(10)
    names = [
        item.metadata.labels["app"]
        for item in core(api).list_namespaced_pod(NAMESPACE, label_selector="app in (one, x)").items
    ]
    assert names == ["one"]
    assert len(core(api).list_namespaced_pod(NAMESPACE, label_selector="app,app!=one").items) == 1
    assert core(api).list_namespaced_pod(NAMESPACE, label_selector="!app").items == []
    running = core(api).list_namespaced_pod(NAMESPACE, field_selector="status.phase=Running")
    assert len(running.items) == 2
    name = running.items[0].metadata.name
    events = core(api).list_namespaced_event(
        NAMESPACE, field_selector=f"involvedObject.name={name},reason=Scheduled"
    )
    assert len(events.items) == 1
    with pytest.raises(ApiException) as caught:
        core(api).list_namespaced_pod(NAMESPACE, label_selector="a in b")
    assert caught.value.status == 400


def test_pages_are_of_one_moment_and_run_out(api, server):
    for number in range(7):
        server.apply([configmap(f"c{number}", a="1")])
    first = core(api).list_namespaced_config_map(NAMESPACE, limit=3)
    server.apply([configmap("c00", a="1")])
    second = core(api).list_namespaced_config_map(NAMESPACE, limit=3, _continue=first.metadata._continue)
    assert first.metadata.remaining_item_count == 5
    third = core(api).list_namespaced_config_map(NAMESPACE, limit=3, _continue=second.metadata._continue)
    names = [item.metadata.name for page in (first, second, third) for item in page.items]
    assert names == [*(f"c{number}" for number in range(7)), "kube-root-ca.crt"]
    assert third.metadata._continue is None
    server.cluster.store.compact()
    with pytest.raises(ApiException) as caught:
        core(api).list_namespaced_config_map(NAMESPACE, limit=3, _continue=first.metadata._continue)
    assert (caught.value.status, "Expired" in caught.value.body) == (410, True)


def test_a_watch_streams_what_changes(api, server):
    version = core(api).list_namespaced_config_map(NAMESPACE).metadata.resource_version
    found: list[tuple[str, str]] = []

    def follow() -> None:
        stream = kubernetes.watch.Watch().stream(
            core(api).list_namespaced_config_map, NAMESPACE, resource_version=version, timeout_seconds=5
        )
        for event in stream:
            found.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                break

    follower = threading.Thread(target=follow)
    follower.start()
    server.apply([configmap("w", a="1")])
    server.apply([configmap("w", a="2")])
    with server.lock:
        server.cluster.delete(Key("ConfigMap", NAMESPACE, "w"))
    follower.join(10)
    assert found == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]


def test_a_watch_from_too_long_ago_is_told_so(server):
    server.cluster.store.compact()
    headers = {"Authorization": f"Bearer {server.accounts['admin'].token}"}
    params = {"watch": "true", "resourceVersion": "1", "timeoutSeconds": "2"}
    answer = requests.get(f"{server.url}/api/v1/pods", params=params, headers=headers, timeout=5)
    assert answer.json()["object"]["code"] == 410


def test_logs(api, server):
    server.apply([deployment(container=READY), deployment("gone", "ghcr.io/acme/none:1")])
    server.advance(20)
    name = pods(server, "web")[0]["metadata"]["name"]
    raw = core(api).read_namespaced_pod_log(name, NAMESPACE, _preload_content=False).data
    assert raw.endswith(b"listening on 8080\n")
    assert (
        core(api).read_namespaced_pod_log(name, NAMESPACE, tail_lines=0, _preload_content=False).data == b""
    )
    assert (
        len(core(api).read_namespaced_pod_log(name, NAMESPACE, limit_bytes=5, _preload_content=False).data)
        == 5
    )
    with pytest.raises(ApiException) as caught:
        core(api).read_namespaced_pod_log(name, NAMESPACE, previous=True)
    assert "previous terminated container" in caught.value.body
    with pytest.raises(ApiException) as caught:
        core(api).read_namespaced_pod_log(name, NAMESPACE, container="x")
    assert caught.value.status == 400
    with pytest.raises(ApiException) as caught:
        core(api).read_namespaced_pod_log(pods(server, "gone")[0]["metadata"]["name"], NAMESPACE)
    assert "is waiting to start: trying and failing to pull image" in caught.value.body


def test_discovery_version_and_date(api, server):
    assert kubernetes.client.VersionApi(api).get_code().git_version.startswith("v1.")
    groups = {group.name for group in kubernetes.client.ApisApi(api).get_api_versions().groups}
    assert {"apps", "batch", "events.k8s.io"} <= groups
    kinds = {item.kind for item in apps(api).get_api_resources().resources}
    assert "Deployment" in kinds
    server.advance(86400)
    headers = {"Authorization": f"Bearer {server.accounts['admin'].token}"}
    answer = requests.get(f"{server.url}/version", headers=headers, timeout=5)
    from email.utils import parsedate_to_datetime

    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - server.now()) < 2


def test_events_in_their_newer_form(server):
    server.apply([deployment()])
    server.advance(5)
    # The official client refuses the null eventTime that older reporters leave, so the JSON is read.
    headers = {"Authorization": f"Bearer {server.accounts['admin'].token}"}
    url = f"{server.url}/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    newer = requests.get(url, headers=headers, timeout=5).json()["items"]
    created = next(item for item in newer if item["reason"] == "SuccessfulCreate")
    assert created["regarding"]["kind"] == "ReplicaSet"
    assert created["note"].startswith("Created pod: web-")
    assert created["deprecatedCount"] == 1


def test_deleting_takes_what_is_owned_along(api, server):
    server.apply([deployment(container=READY), service("web")])
    server.advance(10)
    apps(api).delete_namespaced_deployment("web", NAMESPACE)
    server.advance(5)
    assert pods(server) == []
    assert server.objects("ReplicaSet") == []
    core(api).delete_namespace(NAMESPACE)
    assert server.objects("Service", NAMESPACE) == []
    with pytest.raises(ApiException) as caught:
        core(api).create_namespaced_config_map(NAMESPACE, configmap(a="1"))
    assert caught.value.status == 404


def test_eviction_honours_budgets(api, server):
    budget = {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b", "namespace": NAMESPACE},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }  # fmt: skip
    server.apply([deployment(container=READY), budget])
    server.advance(10)
    name = pods(server)[0]["metadata"]["name"]
    eviction = {"metadata": {"name": name, "namespace": NAMESPACE}}
    with pytest.raises(ApiException) as caught:
        core(api).create_namespaced_pod_eviction(name, NAMESPACE, eviction)
    assert caught.value.status == 429
    assert server.get("PodDisruptionBudget", NAMESPACE, "b")["status"]["disruptionsAllowed"] == 0


def test_what_is_not_served(api, server):
    headers = {"Authorization": f"Bearer {server.accounts['admin'].token}"}
    for path in ("/apis/apps/v1beta1/deployments", "/api/v1/unicorns", "/apis/metrics.k8s.io/v1beta1/pods"):
        answer = requests.get(server.url + path, headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")


def test_reset_leaves_an_empty_cluster(server):
    server.apply([deployment(container=READY)])
    server.advance(5)
    requests.post(f"{server.url}/_sandbox/reset", timeout=5)
    assert server.objects("Deployment") == []
    server.advance(60)
    assert pods(server) == []
    assert len(server.objects("Node")) == 3


def test_real_time_passes_while_it_is_served():
    emulator = KubernetesEmulator(time_factor=500)
    from tests.sandbox.kubernetes.manifests import IMAGE, WEB, namespace

    emulator.images[IMAGE] = WEB
    with emulator:
        emulator.apply([namespace(), deployment(container=READY)])
        ready = threading.Event()
        for _try in range(50):
            if any(pod["status"].get("containerStatuses", [{}])[0].get("ready") for pod in pods(emulator)):
                ready.set()
                break
            ready.wait(0.02)
    assert ready.is_set()
