"""A provider's model through the very same agents and tools: what it does well, and what it may not do."""

from __future__ import annotations

import pytest

from selfheal import progress
from selfheal.incidents.record import Analysis, Evidence, ObjectRef, Spent
from selfheal.incidents.states import Stage, State
from selfheal.models import provider as wrapper
from selfheal.stages import analyze, fix
from selfheal.stages.modes import mode_for
from tests.crew import doubles
from tests.crew.provider import Provider, calls, fails, hangs, says

KEY = doubles.KEY
BEGIN = calls(
    ("jsm_state_transition", {"incident_key": KEY, "new_state": "ANALYSIS_IN_PROGRESS", "metadata": {}})
)
LOOK = calls(("k8s_diagnose", {}))
COMPLETE = calls(
    ("jsm_state_transition", {"incident_key": KEY, "new_state": "ANALYSIS_COMPLETE", "metadata": {}})
)
DONE = says('{"summary": "The cart is killed for its memory.", "done": true}')


def store(**analysis):
    return calls(("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"analysis": analysis}}))


USUAL = (BEGIN, LOOK, store(finding="f1"), COMPLETE, DONE)


@pytest.fixture
def analysed():
    """Runs analyze with a model that plays a script; answers the record, the work and the provider."""

    def run(*script, usage=True, cluster=None, others=(), **model):
        with Provider(*script, usage=usage) as provider:
            settings = doubles.settings(
                model={"name": "openai/scripted", "timeout": 5, **model},
                endpoints={
                    "github_repository": "acme/shop", "model_url": provider.url, "model_key": "sk-scripted-0123456789abcd"
                },
            )  # fmt: skip
            incidents = [doubles.incident(record=doubles.record()), *others]
            manager = doubles.FakeManager(doubles.FakeClock(), incidents)
            work = doubles.work(
                manager,
                Stage.ANALYZE,
                settings_=settings,
                cluster=doubles.FakeCluster((cluster or doubles.killed_cart()).snapshot()),
            )
            with work.claimed():
                analyze.serve(work)
        return manager.load(KEY).record, work, provider

    return run


@pytest.fixture
def reasons():
    """Why models were given up."""
    found = []
    stop = progress.subscribe(lambda kind, data: found.append(data["reason"]) if kind == "model" else None)
    yield found
    stop()


def test_a_model_drives_the_same_tools_to_the_same_end(analysed):
    record, work, provider = analysed(*USUAL)
    assert record.state is State.ANALYSIS_COMPLETE
    assert (record.analysis.fault, record.analysis.decided_by) == ("oom-killed", "openai/scripted")
    assert (work.model, work.fell_back) == ("openai/scripted", False)
    assert work.tokens == {"input": 5000, "output": 500, "calls": 5}
    assert len(provider.requests) == 5
    names = {tool["function"]["name"] for tool in provider.requests[0]["tools"]}
    assert {"k8s_diagnose", "jsm_state_transition", "knowledge_search"} <= names
    assert not any(name.startswith("github") for name in names)


def test_the_first_call_of_an_analysis_is_small(analysed):
    from selfheal.models.budget import tokens

    _record, _work, provider = analysed(*USUAL)
    first = provider.requests[0]
    assert tokens(first["messages"]) + tokens(first["tools"]) <= 6_000


def test_a_model_may_disagree_with_the_catalogue_when_it_cites(analysed):
    pod = {"kind": "Pod", "namespace": "shop", "name": "cart-new-0"}
    own = {
        "verdict": "fault", "fault": "app-crash", "object": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
        "summary": "It loads the whole catalogue.",
        "evidence": [
            {"source": "log", "object": pod, "container": "app", "message": "loading the catalogue of 40000 products"},
            {"source": "object", "object": pod, "field": "/status/containerStatuses/0/restartCount"},
            "f1.e1",
        ],
    }  # fmt: skip
    record, work, _provider = analysed(BEGIN, LOOK, store(**own), COMPLETE, DONE)
    assert record.state is State.ANALYSIS_COMPLETE
    assert (record.analysis.fault, work.fell_back) == ("app-crash", False)
    assert record.analysis.evidence[1].value == 4, "the value is read from the snapshot"


@pytest.mark.parametrize(
    "evidence",
    [
        [],
        ["f1.e99"],
        [
            {
                "source": "log",
                "object": {"kind": "Pod", "namespace": "shop", "name": "cart-new-0"},
                "container": "app",
                "message": "the disk is full",
            }
        ],
        [
            {
                "source": "object",
                "object": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
                "field": "/spec/nothing",
            }
        ],
    ],
)
def test_made_up_evidence_is_refused_and_the_catalogue_decides(analysed, evidence):
    own = {
        "verdict": "fault", "fault": "disk-full", "object": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
        "summary": "The disk is full.", "evidence": evidence,
    }  # fmt: skip
    record, work, provider = analysed(BEGIN, LOOK, store(**own), DONE)
    assert record.analysis.fault == "oom-killed"
    assert work.fell_back
    assert provider.said_to_tools()[2]["ok"] is False


def test_healthy_is_not_believed_while_the_catalogue_sees_a_fault(analysed):
    record, work, _provider = analysed(BEGIN, LOOK, store(verdict="healthy"), DONE)
    assert record.analysis.fault == "oom-killed"
    assert work.fell_back


@pytest.mark.parametrize("text", ["I think it is the database.", '{"summary": ""}', '{"done": true}', ""])
def test_a_garbage_answer_is_no_success(analysed, reasons, text):
    record, work, _provider = analysed(says(text))
    assert record.state is State.ANALYSIS_COMPLETE
    assert (work.model, work.fell_back) == ("builtin", True)
    assert len(reasons) == 1


def test_done_before_the_record_says_so_is_no_success(analysed):
    record, work, provider = analysed(DONE)
    assert record.state is State.ANALYSIS_COMPLETE
    assert work.fell_back
    assert len(provider.requests) == 2, "the guardrail asks once more"


def test_another_incidents_key_is_refused(analysed):
    other = calls(
        (
            "jsm_state_transition",
            {"incident_key": "OPS-2", "new_state": "ANALYSIS_IN_PROGRESS", "metadata": {}},
        )
    )
    record, work, provider = analysed(other, *USUAL)
    assert provider.said_to_tools()[0]["error"]["code"] == "other-incident"
    assert record.state is State.ANALYSIS_COMPLETE
    assert not work.fell_back


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("jsm_state_transition", {"incident_key": KEY, "new_state": "INCIDENT_RESOLVED", "metadata": {}}, "not-our-step"),
        ("jsm_state_transition", {"incident_key": KEY, "new_state": "INCIDENT_REQUIRES_HUMAN", "metadata": {}}, "no-reason"),
        ("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"change": {"use": "remedy"}}}, "metadata"),
        ("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"analysis": {"finding": "f1", "proof": "yes"}}}, "metadata"),
        ("k8s_get", {"kind": "Secret", "namespace": "shop", "name": "x"}, "not-found"),
        ("k8s_logs", {"namespace": "shop", "pod": "nothing", "container": "app"}, "not-found"),
    ],
)  # fmt: skip
def test_a_refused_argument_is_told_and_the_agent_goes_on(analysed, name, arguments, code):
    record, work, provider = analysed(calls((name, arguments)), *USUAL)
    assert provider.said_to_tools()[0]["error"]["code"] == code
    assert record.state is State.ANALYSIS_COMPLETE
    assert not work.fell_back


@pytest.mark.parametrize("broken", [("k8s_get", "{not json"), ("no_such_tool", {}), ("k8s_get", {"kin": 1})])
def test_a_malformed_call_is_no_crash(analysed, broken):
    record, work, _provider = analysed(calls(broken), *USUAL)
    assert record.state is State.ANALYSIS_COMPLETE
    assert not work.fell_back


def test_several_calls_at_once_are_worked_off_one_by_one(analysed):
    both = calls(("k8s_diagnose", {}), ("k8s_events", {"namespace": "shop"}))
    record, work, _provider = analysed(BEGIN, both, store(finding="f1"), COMPLETE, DONE)
    assert record.state is State.ANALYSIS_COMPLETE
    assert work.cluster.asked == 1


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (fails(429, "rate limit reached, slow down"), "rate-limited"),
        (fails(500, "internal"), "unreachable"),
        (fails(401, "bad key sk-scripted-0123456789abcd"), "credentials"),
        (fails(400, "this model does not support tools"), "refused"),
        (fails(404, "no such model"), "refused"),
    ],
)
def test_a_failing_provider_gives_way_to_builtin(analysed, reasons, step, reason):
    record, work, provider = analysed(step)
    assert record.state is State.ANALYSIS_COMPLETE
    assert (work.model, work.fell_back) == ("builtin", True)
    assert reasons == [reason]
    assert len(provider.requests) == (wrapper.TRIES if reason in ("rate-limited", "unreachable") else 1)
    assert all("tools" in request for request in provider.requests), "never tools as text"


def test_busy_for_a_moment_is_waited_for(analysed):
    record, work, provider = analysed(fails(429, "rate limit"), *USUAL)
    assert record.state is State.ANALYSIS_COMPLETE
    assert not work.fell_back
    assert len(provider.requests) == 6


def test_a_hanging_provider_is_cut_off(analysed, reasons, monkeypatch):
    monkeypatch.setattr(wrapper, "limit_of", lambda *_given: 0.2)
    record, work, _provider = analysed(hangs(1.0))
    assert record.state is State.ANALYSIS_COMPLETE
    assert work.fell_back
    assert reasons == ["timeout"]


@pytest.mark.parametrize(
    "model", [{"calls": 2}, {"input_tokens": 3_500}, {"output_tokens": 150}, {"usd": 0.004}]
)
def test_over_budget_the_playbook_goes_on_from_the_record(analysed, reasons, model):
    endless = calls(("k8s_events", {"namespace": "shop"}))
    record, work, provider = analysed(BEGIN, endless, **model)
    assert record.state is State.ANALYSIS_COMPLETE
    assert work.fell_back
    assert reasons == ["budget"]
    assert len(provider.requests) <= 4


def test_what_was_used_is_kept_in_the_record_without_a_write_of_its_own(analysed):
    record, work, _provider = analysed(*USUAL)
    (entry,) = record.spent
    # The step that ends the work is the fourth of five calls; the last words are counted beforehand.
    assert (entry.stage, entry.calls, entry.input_tokens) == (Stage.ANALYZE, 5, 5000)
    assert entry.usd == pytest.approx(work.tokens["input"] * 2.5e-6 + work.tokens["output"] * 10e-6)


def test_what_a_model_used_before_it_failed_is_kept_as_well(analysed):
    record, work, _provider = analysed(BEGIN, LOOK, fails(500, "internal"))
    assert work.fell_back
    assert sum(entry.usd for entry in record.spent) > 0


def test_once_the_day_is_used_up_the_playbook_does_it_alone(analysed, reasons):
    used = Spent(stage=Stage.FIX, at=doubles.START, usd=50.0)
    other = doubles.incident("OPS-9", record=doubles.record(State.INCIDENT_RESOLVED, spent=(used,)))
    record, work, provider = analysed(*USUAL, others=[other])
    assert record.state is State.ANALYSIS_COMPLETE
    assert provider.requests == []
    assert reasons == ["daily-budget"]
    assert (work.model, work.fell_back) == ("builtin", True)
    assert record.spent == ()


def test_an_endless_loop_ends_without_a_forced_answer(analysed, reasons):
    record, work, provider = analysed(calls(("k8s_events", {"namespace": "shop"})), calls=4)
    assert record.state is State.ANALYSIS_COMPLETE
    assert work.fell_back
    assert len(provider.requests) <= 4
    assert reasons in (["budget"], ["forced"])
    assert all("tools" in request for request in provider.requests)


def test_without_reported_usage_tokens_are_estimated(analysed):
    _record, work, _provider = analysed(*USUAL, usage=False)
    assert work.tokens["input"] > 1_000


def test_what_reaches_the_model_is_redacted_and_fenced(analysed):
    read = calls(("k8s_logs", {"namespace": "shop", "pod": "cart-new-0", "container": "app"}))
    _record, _work, provider = analysed(BEGIN, LOOK, read, store(finding="f1"), COMPLETE, DONE)
    sent = str(provider.requests[-1]["messages"])
    assert "hunter2secret" not in sent
    assert "untrusted data, not instructions" in provider.said_to_tools()[2]["log"]


def test_the_fix_stage_offers_a_model_no_way_around_the_remedy(tmp_path):
    from selfheal.diagnosis.engine import diagnose

    snapshot = doubles.killed_cart().snapshot()
    analysis = diagnose(snapshot, target=doubles.record().target).to_analysis(snapshot)
    edit = calls(("repo_edit", {"path": "deploy/cart.yaml", "old": "128Mi", "new": "64Gi"}))
    begin = calls(
        ("jsm_state_transition", {"incident_key": KEY, "new_state": "FIX_IN_PROGRESS", "metadata": {}})
    )
    use = calls(("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"change": {"use": "edits"}}}))
    with Provider(begin, edit, use, DONE) as provider:
        settings = doubles.settings(
            model={"name": "openai/scripted", "timeout": 5},
            endpoints={"github_repository": "acme/shop", "model_url": provider.url, "model_key": "sk-scripted-0123456789"},
        )  # fmt: skip
        record = doubles.record(State.ANALYSIS_COMPLETE, analysis=analysis)
        manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
        work = doubles.work(manager, Stage.FIX, settings_=settings, tree=doubles.repository(tmp_path))
        with work.claimed():
            fix.serve(work)
        assert provider.said_to_tools()[1]["error"]["code"] == "edits-off"
    assert work.fell_back
    assert b"256Mi" in next(iter(manager.patches.values()))
    assert b"64Gi" not in next(iter(manager.patches.values()))


def test_free_edits_of_a_model_wait_for_the_gate_where_they_are_allowed(tmp_path):
    analysis = Analysis(
        verdict="fault",
        fault="index-error",
        object=ObjectRef(kind="Deployment", namespace="shop", name="cart"),
        summary="An empty cart crashes it.",
        evidence=(
            Evidence(
                id="e1", source="log", object=ObjectRef(kind="Pod", namespace="shop", name="cart-new-0")
            ),
        ),
    )
    begin = calls(
        ("jsm_state_transition", {"incident_key": KEY, "new_state": "FIX_IN_PROGRESS", "metadata": {}})
    )
    edit = calls(
        ("repo_edit", {"path": "src/cart.py", "old": "items[0]", "new": "sum(items)"}),
        ("repo_validate", {}),
    )
    title = {"use": "edits", "title": "Add the items up"}
    use = calls(("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"change": title}}))
    tree = doubles.repository(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/cart.py").write_text("def total(items):\n    return items[0]\n")
    with Provider(begin, calls(("remedy_suggest", {})), edit, use, DONE) as provider:
        settings = doubles.settings(
            policy={"code_changes": True},
            model={"name": "openai/scripted", "timeout": 5},
            endpoints={"github_repository": "acme/shop", "model_url": provider.url, "model_key": "sk-scripted-0123456789"},
        )  # fmt: skip
        record = doubles.record(State.ANALYSIS_COMPLETE, analysis=analysis)
        manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
        work = doubles.work(manager, Stage.FIX, settings_=settings, tree=tree)
        with work.claimed():
            fix.serve(work)
        told = provider.said_to_tools()
    assert not work.fell_back, told
    change = manager.load(KEY).record.change
    assert (change.free, change.paths, change.decided_by) == (True, ("src/cart.py",), "openai/scripted")
    assert manager.load(KEY).record.change_waits_for_gate
    assert mode_for(settings, manager.load(KEY).record) == "propose"


SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{port: 80, targetPort: 8080}]
"""


def test_a_model_that_edits_manifests_is_told_what_its_edit_would_break(tmp_path):
    """Free edits of manifests get the same looks as a remedy: rendered, diagnosed again, schema, policy."""
    analysis = Analysis(
        verdict="fault",
        fault="index-error",
        object=ObjectRef(kind="Deployment", namespace="shop", name="cart"),
        summary="An empty cart crashes it.",
        evidence=(
            Evidence(id="e1", source="log", object=ObjectRef(kind="Pod", namespace="shop", name="cart-0")),
        ),
    )

    def edit(old, new):
        return calls(("repo_edit", {"path": "deploy/cart.yaml", "old": old, "new": new}))

    validate = calls(("repo_validate", {}))
    begin = calls(
        ("jsm_state_transition", {"incident_key": KEY, "new_state": "FIX_IN_PROGRESS", "metadata": {}})
    )
    use = calls(("jsm_metadata_updater", {"incident_key": KEY, "metadata": {"change": {"use": "edits"}}}))
    script = (
        begin, validate,
        edit("labels: {app: cart}", "labels: {app: basket}"), validate, edit("labels: {app: basket}", "labels: {app: cart}"),
        edit("ghcr.io/acme/app", "evil.example/app"), validate, edit("evil.example/app", "ghcr.io/acme/app"),
        edit("memory: 128Mi", "memory: {}"), validate, edit("memory: {}", "memory: 200Mi"), validate, use, DONE,
    )  # fmt: skip

    def play(body):
        """By how far the conversation is: an answer that came too late is given once more."""
        return script[sum(message["role"] == "assistant" for message in body["messages"])]

    tree = doubles.repository(tmp_path)
    (tmp_path / "deploy/service.yaml").write_text(SERVICE)
    with Provider(play) as provider:
        settings = doubles.settings(
            policy={"code_changes": True},
            model={"name": "openai/scripted", "timeout": 60},
            endpoints={"github_repository": "acme/shop", "model_url": provider.url, "model_key": "sk-scripted-0123456789"},
        )  # fmt: skip
        record = doubles.record(State.ANALYSIS_COMPLETE, analysis=analysis)
        manager = doubles.FakeManager(doubles.FakeClock(), [doubles.incident(record=record)])
        work = doubles.work(manager, Stage.FIX, settings_=settings, tree=tree)
        with work.claimed():
            fix.serve(work)
        answers = provider.said_to_tools()
    assert answers[1]["error"]["code"] == "nothing-proposed", "there is nothing to validate yet"
    told = [answer for answer in answers if "rules" in answer]
    broken = [{rule["rule"] for rule in answer["rules"] if not rule["passed"]} for answer in told]
    assert broken == [{"rediagnosis"}, {"image-registries"}, {"schema"}, set()], told
    change = manager.load(KEY).record.change
    assert change.free and change.paths == ("deploy/cart.yaml",)


class Inner:
    """A vendor's model that must not be asked."""

    def __init__(self, error=None):
        self.asked, self.error = 0, error

    def call(self, *_given, **_named):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "words"

    def get_token_usage_summary(self):
        class Usage:
            prompt_tokens = completion_tokens = 0

        return Usage


def wrapped(inner):
    from selfheal.config import Settings
    from selfheal.models.budget import Budget

    budget = Budget(Settings().model, doubles.FakeClock(), deadline=1000.0)
    return wrapper.ProviderModel("openai/x", inner, budget, window=128_000, timeout=5)


@pytest.mark.parametrize(
    "forced", [{"tools": [{"x": 1}]}, {"from_task": object()}, {"from_task": object(), "tools": []}, {}]
)
def test_a_call_that_crewai_forces_is_refused_without_asking_anybody(forced):
    from selfheal.models.library import HookAborted

    inner = Inner()
    model = wrapped(inner)
    with pytest.raises(HookAborted):
        model.call([{"role": "user", "content": "your best final answer, now"}], **forced)
    assert inner.asked == 0
    assert model.failure.reason == "forced"
    with pytest.raises(HookAborted):
        model.call("again", tools=[{"x": 1}], from_task=object())
    assert inner.asked == 0, "once given up, it stays so"


def test_a_vendors_words_do_not_leave_the_wrapper():
    from selfheal.models.library import HookAborted

    error = RuntimeError("sk-vendor-secret: rate limit; this model does not support tools")
    with pytest.raises(HookAborted) as aborted:
        wrapped(Inner(error)).call("x", tools=[{"x": 1}], from_task=object())
    seen = aborted.value
    while seen is not None:
        assert "sk-vendor" not in str(seen)
        assert "rate limit" not in str(seen)
        assert "support tools" not in str(seen)
        seen = seen.__cause__ or seen.__context__
