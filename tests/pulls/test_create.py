"""Creating, and finding what was created, over real HTTP against the embedded GitHub."""

from __future__ import annotations

import threading

import pytest

from selfheal.errors import ConfigurationProblem, NeedsPerson, Outage, Refused, SelfhealError
from selfheal.incidents.proofs import PullRequestOpen
from selfheal.incidents.states import State
from selfheal.pulls.errors import StaleBase
from selfheal.pulls.names import hidden

from .conftest import AFTER, KEY, PATH, REPOSITORY, SECRET

WRITES = [
    ("POST", "/git/blobs"),
    ("POST", "/git/trees"),
    ("POST", "/git/commits"),
    ("POST", "/git/refs"),
    ("POST", "/pulls$"),
]
BRANCH = "selfheal/ops-7-1"


def test_it_writes_one_branch_one_commit_one_pull_request(shop):
    made, record = shop.create()
    assert (made.branch, made.state, made.role, made.attempt) == (BRANCH, "open", "fix", 1)
    assert shop.branches() == ["main", BRANCH]
    assert shop.git("show", f"{BRANCH}:{PATH}").encode() == AFTER
    assert shop.git("diff", "--name-only", "main", BRANCH).split() == [PATH]
    assert shop.git("rev-parse", f"{BRANCH}^{{tree}}").strip() == made.tree_sha
    assert shop.git("log", "-1", "--format=%an", BRANCH).strip() == shop.server.bot
    issue = shop.server.hub.store.repository(REPOSITORY).issues[made.number]
    assert hidden(issue.body) == {
        "incident": KEY, "attempt": 1, "role": "fix", "fault": "oom-killed", "base": made.base_sha,
        "head": made.head_sha,
    }  # fmt: skip
    assert record.pull_request == made


def test_the_proof_comes_from_github(shop):
    pulls = shop.pulls()
    patch = shop.patch()
    record = shop.record(patch)
    verifier = pulls.verifiers()[State.PR_CREATED]
    with pytest.raises(Exception, match="made or proven ours in this process"):
        verifier.verify(KEY, record)
    made = pulls.create(KEY, record, patch, summary="s", url="")
    proof = verifier.verify(KEY, record)
    assert isinstance(proof, PullRequestOpen)
    assert proof.pull_request.head_sha == made.head_sha
    shop.server.push_as("erin", BRANCH, {"x": "y"})
    with pytest.raises(Exception, match="erin"):
        verifier.verify(KEY, record)


def test_file_modes_are_kept(shop):
    shop.git("update-ref", "refs/heads/main", "main")
    script = "deploy/run.sh"
    base = shop.server.push_as("erin", "main", {script: "#!/bin/sh\necho 1\n"})
    shop.git("read-tree", base)
    blob = shop.git("rev-parse", f"{base}:{script}").strip()
    shop.git("update-index", "--cacheinfo", f"100755,{blob},{script}")
    tree = shop.git("write-tree").strip()
    head = shop.git(
        "-c", "user.name=erin", "-c", "user.email=e@x", "commit-tree", "-p", base, "-m", "mode", tree
    ).strip()
    shop.git("update-ref", "refs/heads/main", head)
    made, _record = shop.create(
        path=script, before=b"#!/bin/sh\necho 1\n", after=b"#!/bin/sh\necho 2\n", base=head
    )
    assert shop.git("ls-tree", "-r", made.head_sha, script).startswith("100755")


def test_a_new_and_a_removed_file(shop):
    made, _ = shop.create(path="deploy/new/config.yaml", before=None, after=b"a: 1\n")
    assert shop.git("show", f"{made.head_sha}:deploy/new/config.yaml") == "a: 1\n"
    shop.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    second = shop.patch(path="README.md", before=b"shop\n", after=None, attempt=2)
    removed = shop.pulls().create(KEY, shop.record(second), second, summary="s", url="")
    assert "README.md" not in shop.git("ls-tree", "-r", "--name-only", removed.head_sha)


def test_a_second_run_finds_what_the_first_made(shop):
    made, _ = shop.create()
    shop.server.requests.clear()
    again, _ = shop.create()
    assert again == made
    assert shop.effects() == []


@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
@pytest.mark.parametrize(("method", "match"), WRITES)
def test_an_answer_lost_at_any_write_leaves_exactly_one(shop, method, match, action):
    shop.break_(match=match, method=method, action=action)
    made, _ = shop.create()
    again, _ = shop.create()
    assert again == made
    assert shop.branches() == ["main", BRANCH]
    assert shop.open_pulls() == [made.number]
    assert shop.git("rev-list", "--count", f"main..{BRANCH}").strip() == "1"


@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
@pytest.mark.parametrize(("method", "match"), WRITES)
def test_a_process_that_dies_at_any_write_is_continued(shop, method, match, action, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_arguments, **_named):
        raise Killed

    pulls = shop.pulls()
    shop.break_(match=match, method=method, action=action)
    from selfheal.pulls import client

    original = client.Client._once

    def once(self, verb, path, parameters, body):
        try:
            return original(self, verb, path, parameters, body)
        except Outage:
            die()

    monkeypatch.setattr(client.Client, "_once", once)
    with pytest.raises(Killed):
        shop.create(pulls)
    monkeypatch.undo()
    made, _ = shop.create()
    assert shop.branches() == ["main", BRANCH]
    assert shop.open_pulls() == [made.number]
    assert shop.git("rev-list", "--count", f"main..{BRANCH}").strip() == "1"


def test_two_writers_at_once(shop):
    patch = shop.patch()
    record = shop.record(patch)
    barrier = threading.Barrier(2)
    found, errors = [], []

    def write():
        pulls = shop.pulls()
        barrier.wait()
        try:
            found.append(pulls.create(KEY, record, patch, summary="s", url=""))
        except SelfhealError as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert found[0].number == found[1].number
    assert found[0].head_sha == found[1].head_sha
    assert shop.open_pulls() == [found[0].number]


def test_a_base_that_moved_elsewhere_is_used_as_it_is_now(shop):
    patch = shop.patch()
    tip = shop.server.push_as("erin", "main", {"README.md": "new\n"})
    made = shop.pulls().create(KEY, shop.record(patch), patch, summary="s", url="")
    assert made.base_sha == tip
    assert shop.git("diff", "--name-only", "main", BRANCH).split() == [PATH]


def test_a_base_that_changed_our_file_is_stale(shop):
    patch = shop.patch()
    shop.server.push_as("erin", "main", {PATH: "kind: Deployment\n"})
    record = shop.record(patch)
    pulls = shop.pulls()
    with pytest.raises(StaleBase, match=PATH):
        pulls.create(KEY, record, patch, summary="s", url="")
    proof = pulls.verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record)
    assert PATH in proof.reason
    assert shop.branches() == ["main"]


def test_an_adopted_branch_survives_a_base_that_moved_elsewhere(shop):
    made, _ = shop.create()
    base = made.base_sha
    shop.server.push_as("erin", "main", {"README.md": "new\n"})
    again, _ = shop.create(base=base)
    assert again.head_sha == made.head_sha


# -- adversaries -----------------------------------------------------------------------------------------------


def test_a_branch_of_somebody_else_under_our_name_is_refused(shop):
    shop.server.push_as("erin", BRANCH, {PATH: AFTER})
    with pytest.raises(Refused, match=f"{BRANCH}.*erin"):
        shop.create()
    assert shop.open_pulls() == []


def test_a_branch_of_ours_with_other_content_is_refused(shop):
    shop.create()
    other = shop.patch(after=AFTER.replace(b"128Mi", b"256Mi"))
    with pytest.raises(Refused, match="not the signed change"):
        shop.pulls().create(KEY, shop.record(other), other, summary="s", url="")


def test_a_pull_request_that_somebody_else_opened_from_our_branch_is_refused(shop):
    made, _ = shop.create()
    hub = shop.server.hub
    repository = hub.store.repository(REPOSITORY)
    repository.issues[made.number].user = "erin"
    with pytest.raises(Refused, match="opened by erin"):
        shop.create()


def test_a_commit_on_top_by_a_person_is_not_adopted(shop):
    shop.create()
    shop.server.push_as("erin", BRANCH, {"backdoor.yaml": "x: 1\n"})
    with pytest.raises(Refused, match="erin"):
        shop.create()


def test_a_fork_with_our_branch_name_is_ignored(shop):
    fork = shop.server.fork(REPOSITORY, "mallory")
    shop.server.push_as("mallory", BRANCH, {PATH: AFTER}, repository=fork)
    hub = shop.server.hub
    home = hub.store.repository(REPOSITORY)
    theirs = hub.open_pull(home, "mallory", title="t", body="", head=f"mallory:{BRANCH}", base="main")
    made, _ = shop.create()
    assert made.number != theirs.number
    assert shop.branches() == ["main", BRANCH]


def test_an_author_that_only_claims_to_be_us_is_not(shop):
    # A commit under our name, made by a person: the content decides, and it differs.
    base = shop.server.head(REPOSITORY)
    account = shop.server.hub.store.account(shop.server.bot)
    tree = shop.git("rev-parse", f"{shop.server.push_as('erin', 'x', {'evil': '1'})}^{{tree}}").strip()
    head = shop.git(
        "-c", f"user.name={account.login}", "-c", f"user.email={account.email}", "commit-tree", "-p", base, "-m",
        "m", tree,
    ).strip()  # fmt: skip
    shop.git("update-ref", f"refs/heads/{BRANCH}", head)
    with pytest.raises(Refused, match="not the signed change"):
        shop.create()


# -- what may not be written -----------------------------------------------------------------------------------


def test_nothing_unsigned_is_written(shop):
    patch = shop.patch()
    record = shop.record(patch)
    forged = record.model_copy(
        update={"change": record.change.model_copy(update={"signature": "v1:" + "0" * 64})}
    )
    unsigned = record.model_copy(update={"change": record.change.model_copy(update={"signature": ""})})
    for wrong in (forged, unsigned, shop.record(patch, secret="another-key-" * 3)):
        with pytest.raises(Refused):
            shop.pulls().create(KEY, wrong, patch, summary="s", url="")
    assert shop.effects() == []


def test_a_signature_of_another_runs_key_is_a_reason_to_judge_again(shop):
    patch = shop.patch()
    record = shop.record(patch, secret="another-key-" * 3)
    pulls = shop.pulls()
    with pytest.raises(Refused) as refused:
        pulls.create(KEY, record, patch, summary="s", url="")
    assert refused.value.code == "signature"
    assert "signature" in pulls.verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record).reason


def test_other_bytes_than_the_signed_ones_are_refused(shop):
    patch, other = shop.patch(), shop.patch(after=b"evil\n")
    with pytest.raises(Refused, match="not the one the gate signed"):
        shop.pulls().create(KEY, shop.record(patch), other, summary="s", url="")


def test_a_patch_for_another_incident_is_refused(shop):
    foreign = shop.patch(key="OPS-8")
    with pytest.raises(Refused):
        shop.pulls().create(KEY, shop.record(foreign), foreign, summary="s", url="")


def test_without_a_signing_key_nothing_is_written(shop):
    patch = shop.patch()
    with pytest.raises(ConfigurationProblem, match="signing key"):
        shop.pulls(signing_key="").create(KEY, shop.record(patch), patch, summary="s", url="")


def test_another_repository_is_refused(shop):
    from selfheal.incidents.record import Source

    patch = shop.patch()
    record = shop.record(patch, source=Source(repository="acme/other", branch="main"))
    with pytest.raises(Refused, match="acme/other"):
        shop.pulls().create(KEY, record, patch, summary="s", url="")


def test_closed_by_a_person_is_not_tried_again(shop):
    made, record = shop.create()
    shop.server.close(REPOSITORY, made.number, "erin")
    with pytest.raises(NeedsPerson, match="closed unmerged by erin"):
        shop.create()
    proof = shop.pulls().released().verify(KEY, record)
    assert (proof.who, proof.action) == ("erin", "closed the pull request")


def test_there_is_a_cap(shop):
    shop.create()
    patch = shop.patch(key="OPS-9")
    with pytest.raises(Outage, match="no more are opened") as outage:
        shop.pulls(github={"max_open_pull_requests": 1}).create(
            "OPS-9", shop.record(patch, key="OPS-9"), patch, summary="s", url=""
        )
    assert outage.value.retry_after
    assert len(shop.branches()) == 2


def test_our_own_earlier_change_is_brought_up_to_date_without_force(shop):
    made, record = shop.create()
    shop.server.push_as("erin", "main", {PATH: BEFORE2})
    patch = shop.patch(before=BEFORE2, after=AFTER2)
    again = shop.record(patch).model_copy(update={"pull_requests": record.pull_requests})
    updated = shop.pulls().create(KEY, again, patch, summary="s", url="")
    assert updated.number == made.number
    assert updated.head_sha != made.head_sha
    shop.git("merge-base", "--is-ancestor", made.head_sha, updated.head_sha)
    assert shop.git("diff", "--name-only", "main", BRANCH).split() == [PATH]
    status = shop.pulls().status(updated)
    assert status.as_written and status.mergeable and not status.stale


def test_text_that_was_not_brought_up_to_date_is(shop):
    made, record = shop.create()
    shop.server.push_as("erin", "main", {PATH: BEFORE2})
    patch = shop.patch(before=BEFORE2, after=AFTER2)
    again = shop.record(patch).model_copy(update={"pull_requests": record.pull_requests})
    shop.break_(match="/pulls/1$", method="PATCH", action="status", status=500, times=3)
    with pytest.raises(Outage):
        shop.pulls().create(KEY, again, patch, summary="s", url="")
    updated = shop.pulls().create(KEY, again, patch, summary="s", url="")
    body = shop.server.hub.store.repository(REPOSITORY).issues[made.number].body
    assert hidden(body)["head"] == updated.head_sha != made.head_sha
    assert shop.git("rev-list", "--count", f"main..{BRANCH}").strip() == "2"


BEFORE2 = b"kind: Deployment\nspec:\n  memory: 64Mi\n  image: shop:2\n"
AFTER2 = b"kind: Deployment\nspec:\n  memory: 128Mi\n  image: shop:2\n"


def test_a_dry_run_writes_nothing_and_says_what(shop):
    pulls = shop.pulls(dry_run=True)
    patch = shop.patch()
    record = shop.record(patch)
    made = pulls.create(KEY, record, patch, summary="s", url="")
    assert made.number == 0 and made.branch == BRANCH
    proof = pulls.verifiers()[State.PR_CREATED].verify(KEY, record)
    assert proof.pull_request.number == 0
    pulls.comment(made, "hello", "text")
    assert pulls.writes == 0
    assert shop.effects() == []
    told = "\n".join(pulls.described())
    assert BRANCH in told and PATH in told and "Raise the memory limit" in told and "hello" in told


def test_who_we_are(shop):
    pulls = shop.pulls()
    assert pulls.whoami() == shop.server.bot
    assert pulls.can_write()
    assert pulls.triggers_workflows()
    reader = shop.server.add_person("ro", REPOSITORY, "read")
    assert shop.pulls(token=reader).whoami() == "ro"
    assert not shop.pulls(token=reader).can_write()


def test_a_proxy_of_the_machine_does_not_stand_before_a_server_on_it(shop, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert shop.pulls().whoami() == shop.server.bot


def test_a_short_signing_key_never_verifies(shop):
    assert len(SECRET) >= 16
    patch = shop.patch()
    with pytest.raises(Refused):
        shop.pulls(signing_key="short").create(KEY, shop.record(patch), patch, summary="s", url="")
