"""Outcomes of containers follow from what their images state and from what they are given."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from selfheal.sandbox.kubernetes.behaviour import (
    Answer,
    Call,
    Crash,
    File,
    ImageBehaviour,
    Memory,
    Permission,
    Port,
    Registry,
    Variable,
)
from tests.sandbox.kubernetes.manifests import (
    IMAGE,
    NAMESPACE,
    READY,
    WEB,
    configmap,
    deployment,
    made,
    pods,
    service,
    status,
    still,
    told,
)


def run(behaviour: ImageBehaviour, container=None, *, seconds: float = 40, spec=None, more=()):
    emulator = still(it=behaviour)
    emulator.apply([*more, deployment("it", "ghcr.io/acme/it:1", container, spec=spec)])
    emulator.advance(seconds)
    return emulator


def log(emulator, of: str = "it", *, previous: bool = False) -> str:
    name = pods(emulator, of)[0]["metadata"]["name"]
    return "\n".join(emulator.kubelet.log(NAMESPACE, name, "app", previous=previous) or [])


def test_a_program_that_has_what_it_needs_runs():
    emulator = run(WEB, READY)
    assert status(emulator, "it")["ready"]
    assert pods(emulator, "it")[0]["status"]["phase"] == "Running"


# Images


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (
            "ghcr.io/acme/web:9",
            'failed to resolve reference "ghcr.io/acme/web:9": ghcr.io/acme/web:9: not found',
        ),
        ("ghcr.oi/acme/web:1", "dial tcp: lookup ghcr.oi on 10.0.0.2:53: no such host"),
        ("private.example/web:1", "failed to authorize: failed to fetch anonymous token"),
        ("nobody/knows:1", "pull access denied, repository does not exist or may require authorization"),
    ],
)
def test_images_that_cannot_be_pulled(image, text):
    emulator = still()
    emulator.registries["private.example"] = Registry(private=True)
    emulator.images["private.example/web:1"] = WEB
    emulator.apply([deployment("it", image)])
    emulator.advance(30)
    waiting = status(emulator, "it")["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert text in waiting["message"]
    assert any(text in message for message in told(emulator, "Failed"))
    assert f'Back-off pulling image "{image}"' in told(emulator, "BackOff")


def test_a_pull_secret_for_the_host_lets_it_be_pulled():
    emulator = still()
    emulator.registries["private.example"] = Registry(private=True)
    emulator.images["private.example/web:1"] = WEB
    auths = base64.b64encode(json.dumps({"auths": {"private.example": {}}}).encode()).decode()
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": NAMESPACE},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": auths},
    }  # fmt: skip
    emulator.apply(
        [secret, deployment("it", "private.example/web:1", spec={"imagePullSecrets": [{"name": "pull"}]})]
    )
    emulator.advance(10)
    assert "running" in status(emulator, "it")["state"]


def test_an_image_that_appears_is_pulled_at_the_next_try():
    emulator = still()
    emulator.apply([deployment("it", "ghcr.io/acme/late:1")])
    emulator.advance(20)
    emulator.images["ghcr.io/acme/late:1"] = WEB
    emulator.advance(60)
    assert "running" in status(emulator, "it")["state"]


# Configuration


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"configMapKeyRef": {"name": "gone", "key": "a"}}, 'configmap "gone" not found'),
        ({"secretKeyRef": {"name": "gone", "key": "a"}}, 'secret "gone" not found'),
        ({"configMapKeyRef": {"name": "config", "key": "b"}}, "couldn't find key b in ConfigMap shop/config"),
    ],
)
def test_missing_references(source, text):
    emulator = run(WEB, {"env": [{"name": "X", "valueFrom": source}]}, more=[configmap(a="1")])
    waiting = status(emulator, "it")["state"]["waiting"]
    assert (waiting["reason"], waiting["message"]) == ("CreateContainerConfigError", text)
    assert f"Error: {text}" in told(emulator, "Failed")
    emulator.apply([configmap(a="1", b="2"), configmap("gone", a="1")])
    emulator.advance(30)
    assert ("running" in status(emulator, "it")["state"]) is ("secretKeyRef" not in source)


def test_optional_references_may_be_missing():
    source = {"configMapKeyRef": {"name": "gone", "key": "a", "optional": True}}
    assert "running" in status(run(WEB, {"env": [{"name": "X", "valueFrom": source}]}), "it")["state"]


def test_a_volume_of_a_missing_config_map_is_not_mounted():
    emulator = run(
        WEB,
        {"volumeMounts": [{"name": "v", "mountPath": "/etc/app"}]},
        spec={"volumes": [{"name": "v", "configMap": {"name": "gone"}}]},
    )
    assert status(emulator, "it")["state"]["waiting"]["reason"] == "ContainerCreating"
    assert told(emulator, "FailedMount") == [
        'MountVolume.SetUp failed for volume "v" : configmap "gone" not found'
    ]


VARIABLES = (
    Variable("PORT", "port"),
    Variable("MODE", "enum", ("fast", "slow"), invalid="bad {name}: {value}, not one of {choices}"),
)


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"PORT": "8080", "MODE": "fast"}, ""),
        ({"MODE": "fast"}, "FATAL missing required environment variable PORT"),
        ({"PORT": "http", "MODE": "fast"}, 'FATAL invalid value for PORT: "http"'),
        ({"PORT": "8080", "MODE": "quick"}, "bad MODE: quick, not one of fast, slow"),
    ],
)
def test_variables(env, line):
    behaviour = ImageBehaviour(variables=VARIABLES, ports=(Port(variable="PORT"),))
    container = {"env": [{"name": name, "value": value} for name, value in env.items()]}
    emulator = run(behaviour, container)
    if not line:
        assert "running" in status(emulator, "it")["state"]
        return
    held = status(emulator, "it")
    assert held["restartCount"] >= 2
    assert held["lastState"]["terminated"]["exitCode"] == 1
    assert line in log(emulator, previous=True)


def test_references_between_variables_and_the_last_of_two_wins():
    env = [
        {"name": "HOST", "value": "db"},
        {"name": "URL", "value": "no"},
        {"name": "URL", "value": "tcp://$(HOST):1"},
    ]
    behaviour = ImageBehaviour(variables=(Variable("URL", "int", invalid="got {value}"),))
    assert "got tcp://db:1" in log(run(behaviour, {"env": env}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1}', ""),
        ("{a", "cannot parse /etc/app/c.json"),
        (None, "open /etc/app/c.json: no such file or directory"),
    ],
)
def test_files(text, problem):
    behaviour = ImageBehaviour(files=(File("/etc/app/c.json", "json"),))
    data = {"c.json": text} if text is not None else {"other": ""}
    container = {"volumeMounts": [{"name": "v", "mountPath": "/etc/app"}]}
    spec = {"volumes": [{"name": "v", "configMap": {"name": "config"}}]}
    emulator = run(behaviour, container, spec=spec, more=[configmap(**data)])
    assert ("running" in status(emulator, "it")["state"]) is not problem
    if problem:
        assert problem in log(emulator)


# Ends


def test_out_of_memory_follows_from_the_limit():
    behaviour = ImageBehaviour(memory=Memory("64Mi", {"WORKERS": "32Mi"}), oom_after=3)
    container = {
        "resources": {"limits": {"memory": "128Mi"}},
        "env": [{"name": "WORKERS", "value": "4"}],
    }
    emulator = run(behaviour, container)
    ended = status(emulator, "it")["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    container["env"] = [{"name": "WORKERS", "value": "2"}]
    emulator.apply([deployment("it", "ghcr.io/acme/it:1", container)])
    emulator.advance(60)
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods(emulator, "it")] == [0]


def test_back_off_doubles_and_says_so():
    emulator = run(ImageBehaviour(crash=Crash(("boom",), 3, 1)), seconds=0)
    seen = []
    for _second in range(150):
        emulator.advance(1)
        waiting = status(emulator, "it")["state"].get("waiting", {})
        if waiting.get("reason") == "CrashLoopBackOff":
            seen.append(waiting["message"].split()[1])
    assert list(dict.fromkeys(seen)) == ["10s", "20s", "40s", "1m20s"]
    assert "boom" in log(emulator, previous=True)
    assert len(told(emulator, "BackOff")) == 1


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"command": ["/bin/gone"]}, 'exec: "/bin/gone": stat /bin/gone: no such file or directory'),
        ({"command": ["gone"]}, 'exec: "gone": executable file not found in $PATH'),
    ],
)
def test_commands_that_do_not_exist(container, text):
    emulator = run(WEB, container)
    ended = status(emulator, "it")["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert text in ended["message"]


def test_unknown_flags_end_the_program():
    emulator = run(ImageBehaviour(known_flags=("--port",)), {"args": ["--prot=1"]})
    assert status(emulator, "it")["lastState"]["terminated"]["exitCode"] == 2
    assert "unknown flag: --prot" in log(emulator)


@pytest.mark.parametrize(
    ("user", "context", "text"),
    [
        ("0", {"runAsNonRoot": True}, "container has runAsNonRoot and image will run as root"),
        ("node", {"runAsNonRoot": True}, "image has non-numeric user (node), cannot verify user is non-root"),
        ("0", {"runAsNonRoot": True, "runAsUser": 0}, "container's runAsUser breaks non-root policy"),
        ("0", {"runAsNonRoot": True, "runAsUser": 1000}, ""),
        ("1000", {"runAsNonRoot": True}, ""),
    ],
)
def test_users(user, context, text):
    emulator = run(replace(WEB, user=user), {"securityContext": context})
    state = status(emulator, "it")["state"]
    assert text in state["waiting"]["message"] if text else "running" in state


def test_a_read_only_file_system_and_a_volume_of_another_group():
    behaviour = ImageBehaviour(writes=("/data/x",), user="1000")
    assert "read-only file system" in log(
        run(behaviour, {"securityContext": {"readOnlyRootFilesystem": True}})
    )
    mounts = {"volumeMounts": [{"name": "d", "mountPath": "/data"}]}
    claim = made(
        "PersistentVolumeClaim", "v1", "d",
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    )  # fmt: skip
    volumes = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]}
    assert "permission denied" in log(run(behaviour, mounts, spec=volumes, more=[claim]))
    owned = {**volumes, "securityContext": {"fsGroup": 1000}}
    assert "running" in status(run(behaviour, mounts, spec=owned, more=[claim]), "it")["state"]


def test_too_much_ephemeral_storage_is_evicted():
    emulator = run(replace(WEB, disk="2Gi"), {"resources": {"limits": {"ephemeral-storage": "1Gi"}}})
    failed = [pod for pod in pods(emulator, "it") if pod["status"]["phase"] == "Failed"]
    assert failed and failed[0]["status"]["reason"] == "Evicted"


# Probes


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        ({"httpGet": {"path": "/gone", "port": 8080}}, "HTTP probe failed with statuscode: 404"),
        ({"httpGet": {"path": "/healthz", "port": 9}}, "connect: connection refused"),
        ({"tcpSocket": {"port": 9}}, "connect: connection refused"),
        ({"httpGet": {"path": "/slow", "port": 8080}}, "Client.Timeout exceeded while awaiting headers"),
        (
            {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTPS"}},
            "server gave HTTP response to HTTPS client",
        ),
        ({"httpGet": {"path": "/", "port": 5432}}, "malformed HTTP response"),
        ({"exec": {"command": ["pg_isready"]}}, "executable file not found in $PATH"),
        ({"httpGet": {"path": "/healthz", "port": "http"}}, "couldn't find port"),
    ],
)
def test_readiness_that_asks_wrongly(probe, text):
    behaviour = replace(
        WEB,
        ports=(Port(8080), Port(5432, protocol="tcp")),
        paths={"/healthz": 200, "/slow": Answer(seconds=3)},
    )
    emulator = run(behaviour, {"readinessProbe": probe})
    held = status(emulator, "it")
    assert "running" in held["state"] and not held["ready"]
    assert any(text in message for message in told(emulator, "Unhealthy"))


def test_liveness_kills_and_the_program_chooses_its_exit_code():
    probe = {
        "livenessProbe": {
            "httpGet": {"path": "/gone", "port": 8080},
            "periodSeconds": 2,
            "failureThreshold": 2,
        }
    }
    emulator = run(replace(WEB, term_code=143), probe)
    assert status(emulator, "it")["lastState"]["terminated"]["exitCode"] == 143
    assert "Container app failed liveness probe, will be restarted" in told(emulator, "Killing")


def test_a_startup_probe_gives_a_slow_program_its_time():
    slow = replace(WEB, startup_seconds=40)
    live = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}
    assert status(run(slow, {"livenessProbe": live}), "it")["restartCount"] > 0
    emulator = run(
        slow, {"livenessProbe": live, "startupProbe": {**live, "failureThreshold": 20}}, seconds=60
    )
    assert status(emulator, "it")["restartCount"] == 0
    assert status(emulator, "it")["started"]


def test_too_little_cpu_makes_it_slow():
    slow = replace(WEB, cpu="200m", startup_seconds=10)
    emulator = run(slow, {**READY, "resources": {"limits": {"cpu": "50m"}}}, seconds=30)
    assert not status(emulator, "it")["ready"]
    emulator.advance(20)
    assert status(emulator, "it")["ready"]


# Others


def test_calls_follow_services_and_credentials():
    call = Call(
        "$DB",
        at_start=True,
        failed="db: {error}",
        exit_code=1,
        patience=1,
        password="PASSWORD",
        user="DBUSER",
    )
    client = ImageBehaviour(calls=(call,))
    emulator = still(it=client, db=replace(WEB, accounts={"app": "secret"}))
    env = [
        {"name": "DB", "value": "db:5432"},
        {"name": "DBUSER", "value": "app"},
        {"name": "PASSWORD", "value": "no"},
    ]
    emulator.apply([deployment("it", "ghcr.io/acme/it:1", {"env": env})])
    emulator.advance(5)
    assert "lookup db on 10.96.0.10:53: no such host" in log(emulator)
    emulator.apply([service("db", port=5432, target=8080)])
    emulator.advance(40)
    assert "connect: connection refused" in log(emulator)
    emulator.apply([deployment("db", "ghcr.io/acme/db:1")])
    emulator.advance(120)
    assert 'password authentication failed for user "app"' in log(emulator)
    env[2] = {"name": "PASSWORD", "value": "secret"}
    emulator.apply([deployment("it", "ghcr.io/acme/it:1", {"env": env})])
    emulator.advance(60)
    assert ["running" in pod["status"]["containerStatuses"][0]["state"] for pod in pods(emulator, "it")] == [
        True
    ]


def test_what_the_api_server_denies_a_program():
    behaviour = ImageBehaviour(permissions=(Permission("list", "jobs", "batch"),))
    emulator = run(behaviour)
    assert 'cannot list resource "jobs" in API group "batch" in the namespace "shop"' in log(emulator)
    rbac = "rbac.authorization.k8s.io"
    rules = [{"verbs": ["list"], "apiGroups": ["batch"], "resources": ["jobs"]}]
    meta = {"name": "r", "namespace": NAMESPACE}
    emulator.apply([
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": meta,
         "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "r"},
         "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE}]},
    ])  # fmt: skip
    before = log(emulator).count("forbidden")
    emulator.advance(60)
    assert log(emulator).count("forbidden") == before


def test_init_containers_come_first_and_block():
    emulator = still(wait=ImageBehaviour(run_seconds=5), bad=ImageBehaviour(crash=Crash(("no",), 3)))
    init = {"initContainers": [{"name": "first", "image": "ghcr.io/acme/wait:1"}]}
    bad = {"initContainers": [{"name": "first", "image": "ghcr.io/acme/bad:1"}]}
    emulator.apply([deployment("good", spec=init), deployment("bad", spec=bad)])
    emulator.advance(4)
    assert status(emulator, "good")["state"]["waiting"]["reason"] == "PodInitializing"
    emulator.advance(30)
    assert "running" in status(emulator, "good")["state"]
    assert status(emulator, "bad")["state"]["waiting"]["reason"] == "PodInitializing"
    assert pods(emulator, "bad")[0]["status"]["phase"] == "Pending"


def test_two_containers_of_a_pod_cannot_have_one_port():
    emulator = still()
    second = {"name": "side", "image": IMAGE}
    item = deployment("it")
    item["spec"]["template"]["spec"]["containers"].append(second)
    emulator.apply([item])
    emulator.advance(40)
    counts = [held["restartCount"] for held in pods(emulator, "it")[0]["status"]["containerStatuses"]]
    assert sorted(count > 0 for count in counts) == [False, True]


def test_a_sidecar_that_is_not_ready_keeps_its_pod_unready():
    emulator = still(it=WEB, beside=replace(WEB, startup_seconds=1.0))
    ask = {"httpGet": {"path": "/nowhere", "port": 8080}, "periodSeconds": 2}
    sidecar = {
        "name": "beside",
        "image": "ghcr.io/acme/beside:1",
        "restartPolicy": "Always",
        "readinessProbe": ask,
    }
    emulator.apply([deployment("it", "ghcr.io/acme/it:1", spec={"initContainers": [sidecar]})])
    emulator.advance(60)
    (pod,) = pods(emulator, "it")
    found = {item["type"]: item for item in pod["status"]["conditions"]}
    assert (found["Initialized"]["status"], found["Ready"]["status"]) == ("True", "False")
    assert "beside" in found["Ready"]["message"]
