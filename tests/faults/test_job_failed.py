"""job-failed: attempts, deadlines and sidecars, and Jobs whose pods have another fault."""

from __future__ import annotations

from typing import Any

from selfheal.diagnosis.engine import diagnose
from selfheal.faults.interface import Exact, LastGood
from selfheal.incidents.record import Target
from tests.faults.kit import found, get, only, remedy, root
from tests.support.cluster import Cluster, ago, container, ended, running


def job(
    reason: str, code: int = 1, log: str = "", args: list[str] | None = None, why: str = "Error"
) -> Cluster:
    cluster = Cluster()
    status = {**ended(why, code), "ready": False, "restartCount": 0}
    state = {"state": status, "ready": False, "restartCount": 0}
    top = cluster.deployment(
        "migrate", {"containers": [container(args=args or [])]}, status=state, kind="Job"
    )
    top["status"] = {
        "failed": 3,
        "conditions": [{"type": "Failed", "status": "True", "reason": reason, "message": "it failed"}],
    }
    get(cluster, "Pod", "migrate-new-0")["status"]["phase"] = "Failed"
    cluster.log("migrate-new-0", "app", log)
    return cluster


def test_argument_that_the_log_is_about() -> None:
    cluster = job(
        "BackoffLimitExceeded", log="error: /sql/ledgr: no such directory", args=["up", "/sql/ledgr"]
    )
    finding = only("job-failed", cluster)
    change = remedy(finding)
    assert change.requires_recreate
    assert change.edits[0].field == "/spec/template/spec/containers/name=app/args/1"
    assert root(cluster) == ("job-failed", "Job shop/migrate")


def test_deadline() -> None:
    assert only("job-failed", job("DeadlineExceeded")).variant == "deadline"


def test_sidecar_that_runs_on() -> None:
    cluster = Cluster()
    spec = {"containers": [container(), container("proxy")]}
    top = cluster.deployment("batch", spec, kind="Job")
    top["status"] = {"active": 1}
    done: dict[str, Any] = {
        "state": {"terminated": {"exitCode": 0, "finishedAt": ago(900)}},
        "ready": False,
        "restartCount": 0,
    }
    get(cluster, "Pod", "batch-new-0")["status"]["containerStatuses"][0].update(done)
    finding = only("job-failed", cluster)
    assert (finding.variant, finding.container) == ("sidecar", "proxy")


def test_lookalike_killed_for_memory() -> None:
    assert root(job("BackoffLimitExceeded", 137, why="OOMKilled"))[0] == "oom-killed"


def test_lookalike_still_running() -> None:
    cluster = Cluster()
    cluster.deployment("batch", {"containers": [container()]}, status=running(), kind="Job")
    assert not found("job-failed", cluster)


def test_the_line_that_names_an_option_tells_more_than_the_last() -> None:
    log = "open migrations: directory does not exist: see --dir\nmigrate failed, nothing applied"
    finding = only("job-failed", job("BackoffLimitExceeded", log=log, args=["migrate", "--dir=/sql/ledgr"]))
    assert finding.facts["fields"] == ["/spec/template/spec/containers/name=app/args/1"]
    assert "--dir" in finding.evidence[0].message


def test_an_address_that_no_service_answers_is_to_lead_to_one() -> None:
    cluster = job("BackoffLimitExceeded", log="error: dial tcp db:5423: i/o timeout")
    cluster.service("db", {"app": "db"}, 5432)
    cluster.deployment("db", {"containers": [container(ports=[{"containerPort": 5432}])]})
    env = [{"name": "DB", "value": "db:5423"}]
    get(cluster, "Job", "migrate")["spec"]["template"]["spec"]["containers"][0]["env"] = env
    (edit,) = remedy(only("job-failed", cluster)).edits
    assert edit.field.endswith("/env/name=DB/value")
    assert isinstance(edit.value, LastGood) and isinstance(edit.value.fallback, Exact)
    assert edit.value.fallback.value == "db:5432"


def left_over(seconds: float) -> Cluster:
    """A Job that gave up that long ago; its pods are gone."""
    cluster = job("BackoffLimitExceeded")
    cluster.objects.remove(get(cluster, "Pod", "migrate-new-0"))
    get(cluster, "Job", "migrate")["status"]["conditions"][0]["lastTransitionTime"] = ago(seconds)
    return cluster


def test_lookalike_job_that_failed_days_ago_and_is_left_over() -> None:
    assert root(left_over(3600)) == ("job-failed", "Job shop/migrate")
    assert root(left_over(3 * 86_400)) == ("healthy", "")


def test_a_job_that_is_asked_about_counts_however_long_ago_it_failed() -> None:
    target = Target(kind="Job", namespace="shop", name="migrate")
    answer = diagnose(left_over(3 * 86_400).snapshot(), target=target)
    assert answer.root is not None and answer.root.fault == "job-failed"
