"""Tools alone: binding, limits, redaction, refusals. No crew runs here."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from selfheal.errors import ConfigurationProblem, Conflict, Outage
from selfheal.incidents.states import Stage, State
from selfheal.repository.foldertree import FolderTree
from selfheal.stages import analyze, fix
from selfheal.stages.context import context_of
from selfheal.tools import base
from selfheal.tools.registry import BY_NAME
from tests.crew import doubles


@pytest.fixture
def stage(tmp_path):
    """A context of a stage, claimed, with everything at hand."""

    def make(
        name=Stage.ANALYZE,
        state=State.ANALYSIS_IN_PROGRESS,
        *,
        others=(),
        cluster=None,
        tree=None,
        **settings,
    ):
        manager = doubles.FakeManager(
            doubles.FakeClock(), [doubles.incident(record=doubles.record(state)), *others]
        )
        work = doubles.work(
            manager,
            name,
            cluster=doubles.FakeCluster((cluster or doubles.killed_cart()).snapshot()),
            tree=tree or doubles.repository(tmp_path / "tree"),
            settings_=doubles.settings(**settings),
        )
        work.lease = manager.claim(doubles.KEY, name)
        steps = fix.STEPS if name is Stage.FIX else analyze.STEPS
        return context_of(work, steps=steps, goal=lambda _record: True)

    return make


def use(context, name, /, **arguments):
    return json.loads(BY_NAME[name](context)._run(**arguments))


def code(answer):
    assert answer["ok"] is False, answer
    assert set(answer["error"]) == {"code", "message", "hint"}
    return answer["error"]["code"]


@pytest.mark.parametrize("name", [name for name, tool in BY_NAME.items()
                                  if "incident_key" in tool.model_fields["args_schema"].default.model_fields])  # fmt: skip
def test_every_tool_that_acts_on_an_incident_is_bound_to_its_own(stage, name):
    context = stage(others=[doubles.incident("OPS-2", record=doubles.record())])
    more = {
        "jsm_state_transition": {"new_state": "ANALYSIS_COMPLETE"},
        "jsm_metadata_updater": {"metadata": {}},
        "github_pr_comment": {"name": "x", "text": "x"},
    }
    assert code(use(context, name, incident_key="OPS-2", **more.get(name, {}))) == "other-incident"
    assert context.manager.steps == []
    assert context.manager.load("OPS-2").record == doubles.record()


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_an_unknown_argument_is_refused_everywhere(stage, name):
    assert code(use(stage(), name, surprise=1)) == "arguments"


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_nothing_is_done_once_the_claim_is_lost(stage, name):
    context = stage()
    context.lease().lost = True
    schema = BY_NAME[name].model_fields["args_schema"].default
    examples = {
        "incident_key": doubles.KEY, "new_state": "ANALYSIS_COMPLETE", "metadata": {}, "kind": "Pod", "namespace": "shop",
        "pod": "p", "container": "c", "text": "xx", "path": "a", "old": "a", "new": "b", "query": "xx",
    }  # fmt: skip
    given = {
        key: examples[key]
        for key, field in schema.model_fields.items()
        if field.is_required() and key in examples
    }
    if name == "github_pr_comment":
        given["name"] = "x"
    if name == "k8s_describe":
        given["name"] = "x"
    assert code(use(context, name, **given)) == "claim-lost"
    assert context.manager.steps == []
    assert context.manager.writes == 0


def test_a_step_that_was_taken_already_changes_nothing(stage):
    context = stage()
    answer = use(context, "jsm_state_transition", incident_key=doubles.KEY, new_state="ANALYSIS_IN_PROGRESS")
    assert answer == {"ok": True, "incident": doubles.KEY, "state": "ANALYSIS_IN_PROGRESS", "already": True}
    assert context.manager.writes == 0


def test_metadata_is_no_proof(stage):
    context = stage()
    analysis = {"verdict": "fault", "evidence": ["e1"], "snapshot_digest": "x"}
    answer = use(
        context, "jsm_state_transition", incident_key=doubles.KEY, new_state="ANALYSIS_COMPLETE",
        metadata={"proof": analysis},
    )  # fmt: skip
    assert code(answer) == "metadata"
    assert context.record.state is State.ANALYSIS_IN_PROGRESS


def test_a_person_gets_an_incident_only_with_what_was_found(stage):
    context = stage()
    given = {
        "incident_key": doubles.KEY,
        "new_state": "INCIDENT_REQUIRES_HUMAN",
        "metadata": {"reason": "too hard"},
    }
    assert code(use(context, "jsm_state_transition", **given)) == "no-analysis"
    use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": {"finding": "f1"}})
    assert use(context, "jsm_state_transition", **given)["state"] == "INCIDENT_REQUIRES_HUMAN"


def test_an_analysis_is_stored_in_its_state_only(stage):
    context = stage(state=State.INCIDENT_DETECTED)
    answer = use(
        context,
        "jsm_metadata_updater",
        incident_key=doubles.KEY,
        metadata={"analysis": {"verdict": "unknown"}},
    )
    assert code(answer) == "wrong-state"


def test_secrets_leave_in_no_answer(stage):
    context = stage()
    log = use(context, "k8s_logs", namespace="shop", pod="cart-new-0", container="app")
    assert log["ok"]
    assert "hunter2secret" not in json.dumps(log)
    assert "loading the catalogue" in log["log"]


def test_an_answer_that_is_too_long_says_so(stage, monkeypatch):
    monkeypatch.setattr(base, "LIMIT", 200)
    assert code(use(stage(), "k8s_diagnose")) == "too-large"


def test_a_tool_that_never_comes_back_ends_the_stage(stage, monkeypatch):
    context = stage()
    stuck = threading.Event()
    tool = BY_NAME["k8s_events"](context)
    monkeypatch.setattr(type(tool), "work", lambda _self, **_given: {"waited": stuck.wait(60)})
    monkeypatch.setattr(type(tool), "limit", 0.05)
    assert code(json.loads(tool._run())) == "tool-timeout", "the answer was waited for"
    assert isinstance(context.stopped, Outage)
    assert code(use(context, "jsm_state_checker", incident_key=doubles.KEY)) == "tool-timeout"
    stuck.set()


def test_a_crash_shows_neither_its_text_nor_a_traceback(stage, monkeypatch):
    def crash(_self, **_given):
        raise RuntimeError("password=hunter2secret at /srv/x.py")

    tool = BY_NAME["k8s_events"](stage())
    monkeypatch.setattr(type(tool), "work", crash)
    text = tool._run()
    assert code(json.loads(text)) == "defect"
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert "x.py" not in text


def test_a_missing_helper_is_noted_and_the_stage_goes_on(stage):
    context = stage()
    context.tree_source = None
    assert code(use(context, "repo_history")) == "unavailable"
    assert context.stopped is None
    use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": {"finding": "f1"}})
    assert any("repo_history" in text for text in context.record.analysis.incomplete)


@pytest.mark.parametrize("error", [Outage("away"), Conflict("taken")])
def test_what_an_essential_tool_meets_stops_the_stage(stage, monkeypatch, error):
    context = stage()

    def fails(*_given, **_named):
        raise error

    monkeypatch.setattr(context.manager, "update", fails)
    use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": {"finding": "f1"}})
    assert context.stopped is error


def test_a_cluster_that_is_not_configured_is_the_configurations_fault(stage):
    context = stage()

    def missing():
        raise ConfigurationProblem("No kubeconfig is set.")

    context.cluster_source = missing
    assert code(use(context, "k8s_diagnose")) == "configuration"
    assert isinstance(context.last_error, ConfigurationProblem)


# -- the repository ----------------------------------------------------------------------------------------


def test_search_view_and_knowledge_are_bounded_reads(stage):
    context = stage()
    found = use(context, "repo_search", text="memory", path="deploy")
    assert found["count"] == 1
    assert "deploy/cart.yaml:20" in found["matches"]
    shown = use(context, "repo_view", path="deploy/cart.yaml", start=1, lines=1)
    assert "# the cart of the shop" in shown["text"]
    assert "kind: Deployment" not in shown["text"]
    known = use(context, "knowledge_search", query="how much memory does the cart need")
    assert known["origins"][0] == "docs/runbooks/cart.md#Memory"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", ".git/config", "deploy/../../x", "C:\\x"])
def test_a_path_never_leaves_the_repository(stage, path):
    context = stage(Stage.FIX, State.FIX_IN_PROGRESS, policy={"code_changes": True})
    for name, more in (
        ("repo_view", {}),
        ("repo_edit", {"old": "a", "new": "b"}),
        ("repo_create", {"text": "x"}),
    ):
        assert code(use(context, name, path=path, **more)) == "path-refused"
    assert context.edits == {}


def test_edits_are_off_by_default(stage):
    context = stage(Stage.FIX, State.FIX_IN_PROGRESS)
    assert code(use(context, "repo_edit", path="deploy/cart.yaml", old="128Mi", new="1Gi")) == "edits-off"
    assert code(use(context, "repo_create", path="new.yaml", text="a: 1")) == "edits-off"


def test_an_edit_needs_its_text_exactly_once_and_touches_no_file(stage, tmp_path):
    context = stage(Stage.FIX, State.FIX_IN_PROGRESS, policy={"code_changes": True})
    edit = {"path": "deploy/cart.yaml", "old": "memory: 128Mi", "new": "memory: 200Mi"}
    assert code(use(context, "repo_edit", path="deploy/cart.yaml", old="cart", new="x")) == "not-unique"
    assert use(context, "repo_edit", **edit) == {"ok": True, "path": "deploy/cart.yaml", "already": False}
    assert use(context, "repo_edit", **edit)["already"] is True
    assert "memory: 200Mi" in use(context, "repo_view", path="deploy/cart.yaml")["text"]
    assert "128Mi" in (tmp_path / "tree/deploy/cart.yaml").read_text()


@pytest.mark.parametrize("text", ["password: hunter2secret", "token: [redacted]"])
def test_a_credential_is_never_written(stage, text):
    context = stage(Stage.FIX, State.FIX_IN_PROGRESS, policy={"code_changes": True})
    assert code(use(context, "repo_create", path="new.yaml", text=text)) == "secret"


@pytest.fixture
def fixing(stage, tmp_path):
    """A fix stage with free edits allowed, for the stored analysis given."""

    def make(**analysis):
        given = stage(policy={"code_changes": True})
        use(given, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": {"finding": "f1"}})
        found = given.record.analysis.model_copy(update=analysis)
        record = given.record.model_copy(update={"state": State.FIX_IN_PROGRESS, "analysis": found})
        made = stage(
            Stage.FIX,
            State.FIX_IN_PROGRESS,
            tree=doubles.repository(tmp_path / "edited"),
            policy={"code_changes": True},
        )
        made.incident = made.manager._keep(replace(made.incident, record=record))
        return made

    return make


EDIT = {"path": "deploy/cart.yaml", "old": "memory: 128Mi", "new": "memory: 200Mi"}
EDITS = {"change": {"use": "edits", "title": "Catch the empty cart"}}


def test_free_edits_become_a_change_that_says_so(fixing):
    context = fixing(fault="index-error")
    use(context, "repo_edit", **EDIT)
    told = use(context, "repo_validate")
    assert told["passed"], told
    assert use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata=EDITS)["ok"]
    assert context.record.change.free
    assert context.record.change_waits_for_gate


@pytest.mark.parametrize(
    "text",
    [
        "# Code generated by controller-gen. DO NOT EDIT.\na: 1\n",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\na: 1\n",
        "a: 1\nsops:\n  mac: ENC[AES256_GCM,data:x]\n",
    ],
)
def test_what_no_edit_lasts_in_is_refused_at_once(stage, tmp_path, text):
    tree = doubles.repository(tmp_path)
    (tmp_path / "made.yaml").write_text(text)
    context = stage(Stage.FIX, State.FIX_IN_PROGRESS, tree=tree, policy={"code_changes": True})
    assert code(use(context, "repo_edit", path="made.yaml", old="a: 1", new="a: 2")) == "untouchable"
    assert not context.edits


def test_validating_free_edits_asks_no_api_server(fixing):
    """The fix stage has no account for that; the gate asks."""
    context = fixing(fault="index-error")
    policy = context.settings.policy.model_copy(update={"server_dry_run": True})
    context.settings = context.settings.model_copy(update={"policy": policy})
    use(context, "repo_edit", **EDIT)
    told = use(context, "repo_validate")
    assert told["passed"], told
    assert "rediagnosis" in {rule["rule"] for rule in told["rules"]}


def test_where_the_catalogue_knows_a_remedy_it_counts(fixing):
    context = fixing()
    use(context, "repo_edit", **EDIT)
    answer = use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata=EDITS)
    assert code(answer) == "remedy-known"
    assert context.manager.patches == {}


def test_a_remedy_that_escalates_is_not_stored(stage, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "x.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n")
    context = stage(tree=FolderTree(empty))
    use(context, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"analysis": {"finding": "f1"}})
    record = context.record.model_copy(update={"state": State.FIX_IN_PROGRESS})
    fixing = stage(Stage.FIX, State.FIX_IN_PROGRESS, tree=FolderTree(empty))
    fixing.incident = replace(fixing.incident, record=record)
    assert use(fixing, "remedy_suggest")["decision"] == "escalate"
    answer = use(
        fixing, "jsm_metadata_updater", incident_key=doubles.KEY, metadata={"change": {"use": "remedy"}}
    )
    assert code(answer) == "nothing-proposed"
    assert fixing.manager.patches == {}


def test_stored_values_of_secrets_are_not_shown(stage):
    cluster = doubles.killed_cart()
    cluster.add("Secret", "tls", data={"key": "c2VjcmV0LXZhbHVl"})
    answer = use(stage(cluster=cluster), "k8s_get", kind="Secret", namespace="shop", name="tls")
    assert "c2VjcmV0" not in json.dumps(answer)
