"""Workflows and their runs, dispatches of both kinds. Nothing is executed: a run is a record with an outcome."""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import shapes
from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.store import Repository, Workflow, WorkflowRun
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, no_content, not_found

FOLDER = ".github/workflows/"
PAYLOAD_KEYS = 10
PAYLOAD_LIMIT = 65_535


def workflows(hub: Hub, repository: Repository) -> list[Workflow]:
    """Those of the default branch, by path; each keeps its id as long as the repository lives."""
    git, commit = repository.git, repository.git.branch(repository.default_branch)
    found = []
    for entry in git.list_tree(commit, path=FOLDER) if commit else []:
        if entry.type == "blob" and entry.path.endswith((".yml", ".yaml")):
            known = repository.workflows.get(entry.path)
            if known is None:
                known = Workflow(hub.store.next_id(), entry.path, "", hub.now())
                repository.workflows[entry.path] = known
            known.name = str(_document(git.blob(entry.sha)).get("name") or entry.path)
            found.append(known)
    return found


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(data)
    except YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def triggers(repository: Repository, workflow: Workflow) -> dict[str, Any]:
    """The ``on`` of a workflow, whichever of its three forms it has."""
    data = repository.git.read(repository.default_branch, workflow.path) or b""
    given = _document(data).get("on") or {}
    if isinstance(given, dict):
        return given
    return dict.fromkeys([given] if isinstance(given, str) else given, None)


def add_run(
    hub: Hub,
    repository: Repository,
    workflow: Workflow,
    *,
    event: str,
    branch: str,
    sha: str,
    actor: str,
    conclusion: str = "",
    inputs: Json | None = None,
    suite: int = 0,
) -> WorkflowRun:
    """Record a run; without a conclusion it stays queued."""
    now = hub.now()
    number = sum(1 for run in repository.runs if run.workflow == workflow.id) + 1
    run = WorkflowRun(
        hub.store.next_id(),
        workflow.id,
        number,
        event,
        branch,
        sha,
        "completed" if conclusion else "queued",
        conclusion,
        actor,
        workflow.name,
        now,
        now,
        dict(inputs or {}),
        suite,
    )
    repository.runs.append(run)
    return run


# -- shapes ----------------------------------------------------------------------------------------------------


def _workflow(call: Call, repository: Repository, workflow: Workflow) -> Json:
    page = f"{call.web}/{repository.full_name}"
    when = shapes.stamp(workflow.created)
    return {
        "id": workflow.id,
        "node_id": shapes.node("Workflow", workflow.id),
        "name": workflow.name,
        "path": workflow.path,
        "state": workflow.state,
        "created_at": when,
        "updated_at": when,
        "url": f"{call.api}/repos/{repository.full_name}/actions/workflows/{workflow.id}",
        "html_url": f"{page}/blob/{repository.default_branch}/{workflow.path}",
        "badge_url": f"{page}/workflows/{workflow.name}/badge.svg",
    }


def _run(call: Call, repository: Repository, run: WorkflowRun) -> Json:
    api = f"{call.api}/repos/{repository.full_name}"
    url = f"{api}/actions/runs/{run.id}"
    path = next((item.path for item in repository.workflows.values() if item.id == run.workflow), "")
    home = shapes.minimal_repository(call, repository)
    actor = shapes.user(call, run.actor)
    return {
        "id": run.id,
        "name": run.title,
        "node_id": shapes.node("WorkflowRun", run.id),
        "head_branch": run.branch,
        "head_sha": run.sha,
        "path": path,
        "display_title": run.title,
        "run_number": run.number,
        "run_attempt": 1,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion or None,
        "workflow_id": run.workflow,
        "check_suite_id": run.suite,
        "check_suite_node_id": shapes.node("CheckSuite", run.suite),
        "url": url,
        "html_url": f"{call.web}/{repository.full_name}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": shapes.stamp(run.created),
        "updated_at": shapes.stamp(run.updated),
        "run_started_at": shapes.stamp(run.created),
        "actor": actor,
        "triggering_actor": actor,
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{run.suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{api}/actions/workflows/{run.workflow}",
        "head_commit": shapes.simple_commit(repository.git.commit(run.sha)),
        "repository": home,
        "head_repository": home,
    }


# -- routes ----------------------------------------------------------------------------------------------------


def list_workflows(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name, "actions")
    found = workflows(call.hub, repository)
    return call.page(found, lambda item: _workflow(call, repository, item), key="workflows")


def _find(call: Call, repository: Repository, identity: str) -> Workflow:
    for workflow in workflows(call.hub, repository):
        if identity in (str(workflow.id), workflow.path, workflow.path.rpartition("/")[2]):
            return workflow
    raise not_found()


def get_workflow(call: Call, owner: str, name: str, identity: str) -> Response:
    repository = call.repository(owner, name, "actions")
    return json_response(_workflow(call, repository, _find(call, repository, identity)))


def switch(call: Call, owner: str, name: str, identity: str, verb: str) -> Response:
    repository = call.repository(owner, name, "actions", "write")
    states = {"enable": "active", "disable": "disabled_manually"}
    if verb not in states:
        raise not_found()
    _find(call, repository, identity).state = states[verb]
    return no_content()


def dispatch_workflow(call: Call, owner: str, name: str, identity: str) -> Response:
    repository = call.repository(owner, name, "actions", "write")
    workflow = _find(call, repository, identity)
    offered = triggers(repository, workflow)
    if "workflow_dispatch" not in offered:
        raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
    if workflow.state != "active":
        raise Refused(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
    ref = call.text("ref", "WorkflowDispatch")
    sha = repository.git.resolve(ref)
    if not sha:
        raise Refused(422, f"No ref found for: {ref}")
    inputs = call.field("inputs", "WorkflowDispatch", dict, required=False) or {}
    known = (offered["workflow_dispatch"] or {}).get("inputs") or {}
    strange = sorted(set(inputs) - set(known))
    if strange:
        raise Refused(422, f"Unexpected inputs provided: {json.dumps(strange)}")
    branch = ref.removeprefix("refs/heads/")
    run = add_run(
        call.hub,
        repository,
        workflow,
        event="workflow_dispatch",
        branch=branch,
        sha=sha,
        actor=call.login,
        inputs=inputs,
    )
    if not call.body.get("return_run_details"):
        return no_content()
    shown = _run(call, repository, run)
    return json_response({"workflow_run_id": run.id, "run_url": shown["url"], "html_url": shown["html_url"]})


def dispatch(call: Call, owner: str, name: str) -> Response:
    """``repository_dispatch``: kept for whoever asks, and a queued run of each workflow that listens."""
    repository = call.repository(owner, name, "contents", "write")
    event = call.text("event_type", "RepositoryDispatch")
    payload = call.field("client_payload", "RepositoryDispatch", dict, required=False) or {}
    if len(event) > 100:
        raise Refused(422, "Invalid request.\n\nevent_type is too long (maximum is 100 characters)")
    if len(payload) > PAYLOAD_KEYS:
        given = f"No more than {PAYLOAD_KEYS} properties are allowed; {len(payload)} were supplied."
        raise Refused(422, f"Invalid request.\n\n{given}")
    if len(json.dumps(payload, ensure_ascii=False)) > PAYLOAD_LIMIT:
        raise Refused(422, "client_payload is too large.")
    repository.dispatches.append({"event_type": event, "client_payload": payload, "sender": call.login})
    branch = repository.default_branch
    for workflow in workflows(call.hub, repository):
        listens = triggers(repository, workflow)
        if "repository_dispatch" not in listens or workflow.state != "active":
            continue
        types = (listens["repository_dispatch"] or {}).get("types")
        if types is None or event in ([types] if isinstance(types, str) else types):
            sha = repository.git.branch(branch)
            add_run(
                call.hub,
                repository,
                workflow,
                event="repository_dispatch",
                branch=branch,
                sha=sha,
                actor=call.login,
                inputs=payload,
            )
    return no_content()


def list_runs(call: Call, owner: str, name: str, identity: str = "") -> Response:
    """Newest first. ``status`` filters on the status or the conclusion, as GitHub does."""
    repository = call.repository(owner, name, "actions")
    workflow = _find(call, repository, identity).id if identity else 0
    found = [
        run
        for run in reversed(repository.runs)
        if (not workflow or run.workflow == workflow)
        and call.query("head_sha", run.sha) == run.sha
        and call.query("branch", run.branch) == run.branch
        and call.query("event", run.event) == run.event
        and call.query("actor", run.actor) == run.actor
        and call.query("status", run.status) in (run.status, run.conclusion)
        and call.number("check_suite_id", run.suite) == run.suite
    ]
    return call.page(found, lambda run: _run(call, repository, run), key="workflow_runs")


def _find_run(repository: Repository, identity: int) -> WorkflowRun:
    for run in repository.runs:
        if run.id == identity:
            return run
    raise not_found()


def get_run(call: Call, owner: str, name: str, identity: int) -> Response:
    repository = call.repository(owner, name, "actions")
    return json_response(_run(call, repository, _find_run(repository, identity)))


def rerun(call: Call, owner: str, name: str, identity: int) -> Response:
    run = _find_run(call.repository(owner, name, "actions", "write"), identity)
    run.status, run.conclusion, run.updated = "queued", "", call.hub.now()
    return json_response({}, 201)


def cancel(call: Call, owner: str, name: str, identity: int) -> Response:
    run = _find_run(call.repository(owner, name, "actions", "write"), identity)
    if run.status == "completed":
        raise Refused(409, "Cannot cancel a workflow run that is completed.")
    run.status, run.conclusion, run.updated = "completed", "cancelled", call.hub.now()
    return json_response({}, 202)


_BASE = "/repos/<owner>/<name>/actions"
_ONE = f"{_BASE}/workflows/<identity>"
ROUTES: Routes = (
    ("POST", "/repos/<owner>/<name>/dispatches", dispatch),
    ("GET", f"{_BASE}/workflows", list_workflows),
    ("GET", _ONE, get_workflow),
    ("PUT", f"{_ONE}/<verb>", switch),
    ("POST", f"{_ONE}/dispatches", dispatch_workflow),
    ("GET", f"{_ONE}/runs", list_runs),
    ("GET", f"{_BASE}/runs", list_runs),
    ("GET", f"{_BASE}/runs/<int:identity>", get_run),
    ("POST", f"{_BASE}/runs/<int:identity>/rerun", rerun),
    ("POST", f"{_BASE}/runs/<int:identity>/cancel", cancel),
)
