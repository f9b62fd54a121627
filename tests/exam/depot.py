"""A haulier's yard of other kinds of workloads: a DaemonSet, a StatefulSet of its own, Jobs, and pods of several
containers, with an init container and a sidecar among them.
"""

from __future__ import annotations

from selfheal.sandbox.kubernetes.behaviour import Answer, Crash, ImageBehaviour, Port, Variable
from tests.exam.parts import DEFECTIVE, Application, Object, program, store
from tests.exam.words import CRASH, INVALID, MISSING

#: Memory of what runs beside the programs.
_BESIDE = "70Mi"
_SIZE = (Variable("WORKERS", "int", missing=MISSING["go"], invalid=INVALID["go"]),)


def depot() -> Application:
    """Seven workloads in one namespace."""
    app = Application("depot", "ghcr.io/haulage")
    app.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "depot"}})
    store(app, "postgres", "postgres")
    program(app, "beacon", "go", 9101, role="leaf", kind="DaemonSet")
    program(
        app,
        "journal",
        "go",
        8201,
        role="middle",
        kind="StatefulSet",
        replicas=2,
        calls={"postgres": "DATABASE_URL"},
    )
    program(app, "hub", "python", 8202, role="middle", calls={"journal": "JOURNAL_ADDR"})
    program(app, "yard", "node", 8203, role="gateway", replicas=2, calls={"hub": "HUB_ADDR"})
    _crowd(app)
    _batch(app)
    return app


def _image(app: Application, name: str, behaviour: ImageBehaviour) -> str:
    from dataclasses import replace

    image = f"{app.registry}/{name}:v3.0.1"
    app.images[image] = behaviour
    app.images[f"{app.registry}/{name}:v3.1.0{DEFECTIVE}"] = replace(
        behaviour, crash=Crash(tuple(CRASH["go"].splitlines()), 2, 1.5)
    )
    return image


def _container(name: str, image: str, **more: object) -> Object:
    return {
        "name": name,
        "image": image,
        "env": [{"name": "WORKERS", "value": "2"}],
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": "160Mi"},
        },
        **more,
    }


def _crowd(app: Application) -> None:
    """The hub's pods: an init container, a sidecar that is an init container too, and a second container."""
    common = {
        "memory": _BESIDE,
        "user": "1000",
        "entrypoint": "/app/run",
        "commands": frozenset({"sh", "/bin/sh"}),
        "variables": _SIZE,
    }
    served = {"paths": {"/healthz": Answer(200)}, "startup_seconds": 1.5}
    started = '{"severity":"info","timestamp":"{time}","message":"starting server at :%d"}'
    prepare = _image(
        app,
        "prepare",
        ImageBehaviour(run_seconds=1.5, ready_log=("{time} INFO schema is up to date",), **common),
    )
    relay = _image(
        app, "relay", ImageBehaviour(ports=(Port(9202),), start_log=(started % 9202,), **common, **served)
    )
    shield = _image(
        app, "shield", ImageBehaviour(ports=(Port(9302),), start_log=(started % 9302,), **common, **served)
    )

    def probed(port: int) -> Object:
        def ask(**timing: int) -> Object:
            return {"httpGet": {"path": "/healthz", "port": port}, **timing}

        return {
            "ports": [{"containerPort": port}],
            "readinessProbe": ask(periodSeconds=5),
            "livenessProbe": ask(periodSeconds=10, initialDelaySeconds=10),
        }

    pod = app.pod("hub")
    pod["initContainers"] = [
        _container("prepare", prepare),
        _container("shield", shield, restartPolicy="Always", **probed(9302)),
    ]
    pod["containers"].append(_container("relay", relay, **probed(9202)))


def _batch(app: Application) -> None:
    image = _image(
        app,
        "tools",
        ImageBehaviour(
            memory=_BESIDE,
            run_seconds=4.0,
            start_log=("{time} INFO begin",),
            ready_log=("{time} INFO done",),
            user="1000",
            entrypoint="/app/run",
            commands=frozenset({"sh", "/bin/sh"}),
            variables=_SIZE,
        ),
    )

    def template(name: str) -> Object:
        return {
            "metadata": {"labels": {"app": name}},
            "spec": {"restartPolicy": "Never", "containers": [_container("task", image)]},
        }

    app.add(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "load-rates"},
            "spec": {"backoffLimit": 2, "template": template("load-rates")},
        }
    )
    app.add(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "sweep"},
            "spec": {
                "schedule": "*/2 * * * *",
                "jobTemplate": {"spec": {"backoffLimit": 1, "template": template("sweep")}},
            },
        }
    )
