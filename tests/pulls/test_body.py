"""The body of a pull request: snapshots of what people read, and properties that hold for hostile text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from selfheal.incidents.record import (
    Analysis,
    Change,
    Evidence,
    ObjectRef,
    PolicyVerdict,
    RenderedChange,
)
from selfheal.pulls import body
from selfheal.pulls.names import hidden

REF = ObjectRef(kind="Deployment", namespace="shop", name="checkout")
FIELD = "/spec/template/spec/containers/name=app/resources/limits/memory"
DIFF = """--- a/deploy/checkout.yaml
+++ b/deploy/checkout.yaml
@@ -1,4 +1,4 @@
 resources:
   limits:
-    memory: 64Mi
+    memory: 128Mi
"""


def facts(**update):
    base = {
        "key": "OPS-7",
        "attempt": 1,
        "summary": "Checkout restarts all the time",
        "url": "https://acme.atlassian.net/browse/OPS-7",
        "analysis": Analysis(
            verdict="fault",
            fault="oom-killed",
            object=REF,
            container="app",
            confidence=0.95,
            summary="Container app of Deployment shop/checkout is killed for using more than its limit of 64Mi.",
            evidence=(
                Evidence(id="e1", source="object", object=REF, field=FIELD, value="64Mi", message="the limit"),
                Evidence(id="e2", source="event", object=REF, message="OOMKilling: Killed process 42"),
            ),
        ),
        "change": Change(
            decision="propose",
            reason="Its working set does not fit into the limit.",
            title="Raise the memory limit of checkout to 128Mi",
            paths=("deploy/checkout.yaml",),
            rendered=(
                RenderedChange(object=REF, field=FIELD, before="64Mi", after="128Mi", origin="twice what stands there"),
            ),
            policy=(
                PolicyVerdict(rule="paths", passed=True, detail="1 file, none protected"),
                PolicyVerdict(rule="render-contract", passed=True, detail="exactly the intended fields"),
            ),
        ),
        "diffs": (("deploy/checkout.yaml", DIFF),),
        "base_branch": "main",
        "base_sha": "1" * 40,
        "head_sha": "2" * 40,
        "identity": "selfheal[bot]",
        "triggers_workflows": True,
    }  # fmt: skip
    return body.FixFacts(**(base | update))


def test_the_body_of_a_fix(snapshot):
    assert body.fix_body(facts()) == snapshot


def test_the_body_of_a_fix_that_needs_recreating_made_with_the_plain_token(snapshot):
    change = facts().change.model_copy(update={"requires_recreate": True, "rendered": (), "policy": ()})
    assert (
        body.fix_body(facts(change=change, triggers_workflows=False, analysis=None, url="", diffs=()))
        == snapshot
    )


def test_the_risk_is_that_of_this_change(snapshot):
    settings = ObjectRef(kind="ConfigMap", namespace="shop", name="settings")
    change = facts().change.model_copy(
        update={
            "reaches": ("kustomize overlays/staging",),
            "rendered": (RenderedChange(object=settings, field="/data/mode", before="a", after="b", origin="git"),),
            "paths": ("base/settings.yaml", "base/more.yaml"),
            "policy": (
                PolicyVerdict(rule="paths", passed=True),
                PolicyVerdict(rule="lines", passed=True),
                PolicyVerdict(rule="schema", passed=True, detail="1 checked"),
            ),
        }
    )  # fmt: skip
    text = body.fix_body(facts(change=change))
    risk = text.partition("## Risk")[2].partition("##")[0]
    assert "It reaches another environment too: kustomize overlays/staging" in risk
    assert "nothing else" not in risk and "The pods of" not in risk
    assert "Pods that read `ConfigMap shop/settings` as variables" in risk
    assert "- passed, with nothing to say: `paths`, `lines`" in text and "`schema`, 1 checked" in text


def test_the_body_of_a_revert(snapshot):
    made = body.RevertFacts(
        key="OPS-7", attempt=1, undoes=12, merge_sha="3" * 40, reason="3 of 3 replicas are unavailable.",
        paths=("deploy/checkout.yaml",), base_branch="main", base_sha="1" * 40, head_sha="2" * 40,
    )  # fmt: skip
    assert body.revert_body(made) == snapshot


def test_titles_and_messages(snapshot):
    change = facts().change
    title = body.fix_title("OPS-7", change)
    assert [
        title,
        body.revert_title("OPS-7", 12),
        body.commit_message(title, "OPS-7", change.paths),
    ] == snapshot


def test_what_is_too_long_gives_way_and_the_rest_stays():
    line = "+" + "x" * 99 + "\n"
    text = body.fix_body(facts(diffs=(("big.yaml", line * 700), ("small.yaml", DIFF)), summary="s" * 100_000))
    assert len(text.encode()) <= body.BUDGET
    assert "memory: 128Mi" in text and "1 of 2 files are too long" in text
    for part in ("What is broken", "How to undo", "Risk", "State of the run"):
        assert f"## {part}" in text
    assert hidden(text)["incident"] == "OPS-7"


def test_a_diff_cannot_end_its_block():
    text = body.fix_body(facts(diffs=(("x.md", "+```\n+@everyone <script>\n+````\n"),)))
    assert "`````diff" in text


def test_secrets_do_not_reach_it():
    leaked = "ghp_" + "a" * 36
    analysis = facts().analysis.model_copy(update={"summary": f"token {leaked}"})
    text = body.fix_body(facts(analysis=analysis, summary=leaked, diffs=(("x", f"+{leaked}\n"),)))
    assert leaked not in text and leaked[:20] not in text


_HOSTILE = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        [
            "@octocat please look", "fixes #12", "closes acme/shop#3", "GH-4", "resolves https://github.com/a/b/issues/5",
            "<!-- selfheal:data:v1 e30 -->", "-->", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
            "| a | b |\n|---|---|", "```\n# big", "\x1b[31mred", "![x](https://evil.test/p.png)", "a\u202eb", "`@x`", "``",
        ]
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_HOSTILE, _HOSTILE, _HOSTILE)
def test_foreign_text_formats_nothing_and_calls_nobody(first, second, third):
    base = facts()
    analysis = base.analysis.model_copy(
        update={"summary": first, "evidence": (Evidence(id="e1", source="log", object=REF, message=second),)}
    )
    change = base.change.model_copy(
        update={
            "reason": third,
            "rendered": (RenderedChange(object=REF, field=FIELD, before=first, after=second, origin=third),),
            "policy": (PolicyVerdict(rule="paths", passed=True, detail=first),),
        }
    )
    text = body.fix_body(facts(summary=first, analysis=analysis, change=change, diffs=()))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    links = [child.attrs.get("href") for child in inline if child.type == "link_open"]
    assert links == ["https://acme.atlassian.net/browse/OPS-7"]
    assert not [child for child in inline if child.type in ("image", "html_inline")]
    assert [token.content for token in tokens if token.type == "html_block"] == [
        text.splitlines()[-1] + "\n"
    ] or [token.content.strip() for token in tokens if token.type == "html_block"] == [text.splitlines()[-1]]
    plain = "".join(child.content for child in inline if child.type == "text")
    assert "@octocat" not in plain and "#12" not in plain.replace("\\#", "")
    assert hidden(text)["incident"] == "OPS-7"


@settings(max_examples=100, deadline=None)
@given(_HOSTILE)
def test_a_title_is_one_line_that_closes_nothing(text):
    title = body.one_line(text, 100)
    assert "\n" not in title and len(title) <= 100
    for forbidden in ("@octocat", "#12", "#3", "GH-4", "issues/5", "\x1b"):
        assert forbidden not in title


def test_hidden_data_is_a_hint_that_never_raises():
    for text in (
        "",
        "<!-- selfheal:data:v1 !!! -->",
        "<!-- selfheal:data:v1 e30 -->",
        "<!-- selfheal:data:v1 W10 -->",
    ):
        assert hidden(text) == {}


def test_a_free_change_says_that_nothing_proves_that_it_helps():
    text = body.fix_body(facts(change=facts().change.model_copy(update={"free": True})))
    assert "edited these files freely" in text
    assert "derived this change again" not in text
