"""Status, merge, comment and revert against the embedded GitHub."""

from __future__ import annotations

import pytest

from selfheal.errors import NeedsPerson, Outage, Refused
from selfheal.incidents.errors import ProofRefused
from selfheal.incidents.record import Outcome, Verification
from selfheal.incidents.states import State
from selfheal.pulls.errors import NotReady
from selfheal.pulls.status import wants_person, wants_rework

from .conftest import AFTER, BEFORE, KEY, PATH, REPOSITORY, WHEN

BRANCH = "selfheal/ops-7-1"


def codes(status):
    return {blocker.code for blocker in status.blockers}


def approved(shop, login="erin"):
    """A pull request that may be merged."""
    made, record = shop.create()
    shop.server.set_checks(REPOSITORY, made.head_sha, "success")
    shop.server.approve(REPOSITORY, made.number, login)
    return made, record


def test_a_new_one_waits_for_people_and_checks(shop):
    made, record = shop.create()
    status = shop.pulls().status(made)
    assert (status.state, status.ours, status.as_written, status.ready) == ("open", True, True, False)
    assert codes(status) == {"checks-none", "approvals-missing"}
    assert wants_person(status) is None and wants_rework(status) == ""
    with pytest.raises(NotReady):
        shop.pulls().merge(KEY, record, shop.stored)
    with pytest.raises(ProofRefused):
        shop.pulls().verifiers()[State.PR_MERGED].verify(KEY, record)


def test_approved_and_green_is_merged_with_who_and_what(shop):
    _made, record = approved(shop)
    pulls = shop.pulls()
    merged = pulls.merge(KEY, record, shop.stored)
    assert (merged.state, merged.approved_by, merged.content_ours) == ("merged", ("erin",), True)
    assert merged.merge_sha == shop.server.head(REPOSITORY)
    assert shop.git("show", f"main:{PATH}").count("128Mi") == 1
    proof = pulls.verifiers()[State.PR_MERGED].verify(KEY, record)
    proven = proof.pull_request
    assert (proven.state, proven.merge_sha, proven.approved_by) == ("merged", merged.merge_sha, ("erin",))
    assert proven.merged_by == shop.server.bot and proven.merged_at is not None and proven.review_ids
    assert proven.content_ours
    assert pulls.merge(KEY, record, shop.stored) == proven, "who comes later looks, and sees the same"
    assert len(shop.git("rev-list", "main").split()) == 2


def test_what_an_agent_edited_freely_is_merged_by_people_only(shop):
    _made, record = approved(shop)
    free = record.change.model_copy(update={"free": True})
    with pytest.raises(NotReady) as refused:
        shop.pulls().merge(KEY, record.model_copy(update={"change": free}), shop.stored)
    assert refused.value.code == "free-change"
    assert len(shop.git("rev-list", "main").split()) == 1


@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
def test_a_lost_answer_to_the_merge_merges_once(shop, action):
    _made, record = approved(shop)
    shop.break_(match="/merge$", method="PUT", action=action)
    merged = shop.pulls().merge(KEY, record, shop.stored)
    assert merged.state == "merged"
    assert len(shop.git("rev-list", "main").split()) == 2


def test_no_checks_are_green_only_where_the_settings_say_so(shop):
    made, record = shop.create()
    shop.server.approve(REPOSITORY, made.number, "erin")
    with pytest.raises(NotReady, match="no checks"):
        shop.pulls().merge(KEY, record, shop.stored)
    assert shop.pulls(github={"allow_no_checks": True}).merge(KEY, record, shop.stored).state == "merged"


@pytest.mark.parametrize(("conclusion", "code"), [("failure", "checks-red"), ("pending", "checks-pending"),
                                                  ("timed_out", "checks-red"), ("cancelled", "checks-red")])  # fmt: skip
def test_checks_that_are_not_green(shop, conclusion, code):
    made, record = approved(shop)
    shop.server.set_checks(REPOSITORY, made.head_sha, conclusion, name="build")
    status = shop.pulls().status(made)
    assert code in codes(status) and not status.ready
    with pytest.raises((NotReady, NeedsPerson)):
        shop.pulls().merge(KEY, record, shop.stored)


def test_commit_statuses_count_too(shop):
    made, _record = approved(shop)
    shop.server.set_status(REPOSITORY, made.head_sha, "failure", "legacy")
    assert "checks-red" in codes(shop.pulls().status(made))


def test_red_checks_and_requested_changes_go_to_a_person_for_now(shop):
    made, record = shop.create()
    shop.server.request_changes(REPOSITORY, made.number, "erin")
    pulls = shop.pulls()
    status = pulls.status(made)
    assert wants_person(status)[0] == "changes-requested"
    assert "erin" in wants_person(status)[1]
    assert "erin" in pulls.verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record).reason
    with pytest.raises(NeedsPerson, match="erin"):
        pulls.merge(KEY, record, shop.stored)


def test_a_later_approval_of_the_same_person_withdraws_the_request(shop):
    made, _record = shop.create()
    shop.server.request_changes(REPOSITORY, made.number, "erin")
    shop.server.approve(REPOSITORY, made.number, "erin")
    status = shop.pulls().status(made)
    assert not status.changes_requested and len(status.approvals) == 1


def test_who_may_only_read_approves_nothing(shop):
    made, record = approved(shop, "rob")
    status = shop.pulls().status(made)
    assert not status.approvals
    assert "rob: its author may only read" in " ".join(blocker.text for blocker in status.blockers)
    with pytest.raises(NotReady):
        shop.pulls().merge(KEY, record, shop.stored)


def test_the_permission_is_read_again_at_the_merge(shop):
    made, record = approved(shop)
    pulls = shop.pulls()
    assert pulls.status(made).ready
    shop.server.add_person("erin", REPOSITORY, "read")
    with pytest.raises(NotReady):
        pulls.merge(KEY, record, shop.stored)


def test_an_approval_of_an_older_head_does_not_count(shop):
    made, record = approved(shop)
    shop.server.push_as("erin", BRANCH, {"more.yaml": "a: 1\n"})
    status = shop.pulls().status(made)
    assert not status.as_written and not status.approvals
    assert status.touched_by == ("erin",)
    assert wants_person(status)[0] == "touched" and wants_rework(status) == ""
    with pytest.raises(NeedsPerson):
        shop.pulls().merge(KEY, record, shop.stored)


# -- the head is what was signed -------------------------------------------------------------------------------


def forged(shop, files, *, anew=False):
    """Somebody pushes to the branch in our name, has that approved, and edits the record: all hints say it is ours.

    ``anew``: in the place of our commit instead of on top of it.
    """
    made, record = approved(shop)
    if anew:
        hub = shop.server.hub
        home = hub.store.repository(REPOSITORY)
        sha = home.git.commit_files(made.base_sha, files, "Raise it", hub.signature(shop.server.bot))
        hub.move_ref(home, f"refs/heads/{BRANCH}", made.head_sha, sha, shop.server.bot)
    else:
        sha = shop.server.push_as(shop.server.bot, BRANCH, files)
    shop.server.set_checks(REPOSITORY, sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    entry = made.model_copy(update={"head_sha": sha, "tree_sha": "f" * 40})
    return record.model_copy(update={"pull_requests": (entry,)})


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize(
    "files",
    [
        {PATH: AFTER.replace(b"shop:1", b"evil:1")},
        {PATH: AFTER, "more.yaml": "a: 1\n"},
        {"more.yaml": "a: 1\n"},
        {PATH: None},
        {".github/workflows/ci.yml": "on: push\n"},
    ],
)
def test_a_head_that_only_looks_like_ours_is_not_merged(shop, files, anew):
    record = forged(shop, files, anew=anew)
    pulls = shop.pulls()
    assert pulls.status(record.pull_request).ready, (
        "nothing that GitHub shows or the record says speaks against it"
    )
    with pytest.raises(
        NeedsPerson, match="its content is not the signed change" if anew else "not on main"
    ) as refused:
        pulls.merge(KEY, record, shop.stored)
    assert refused.value.code == "not-as-signed"
    assert len(shop.git("rev-list", "main").split()) == 1


def updated(shop):
    """A pull request that was brought up to date after the base changed, ready to be merged."""
    made, record = shop.create()
    newer = BEFORE.replace(b"shop:1", b"shop:2")
    shop.server.push_as("erin", "main", {PATH: newer})
    shop.signed = shop.patch(before=newer, after=newer.replace(b"64Mi", b"128Mi"))
    again = shop.record(shop.signed).model_copy(update={"pull_requests": record.pull_requests})
    head = shop.pulls().create(KEY, again, shop.signed, summary="s", url="")
    assert head.head_sha != made.head_sha
    shop.server.set_checks(REPOSITORY, head.head_sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    return head, again.model_copy(update={"state": State.PR_CREATED, "pull_requests": (head,)})


def test_one_that_was_brought_up_to_date_is_proven_as_well(shop):
    head, record = updated(shop)
    assert shop.pulls().create(KEY, record, shop.signed, summary="s", url="") == head, "found as it is"
    assert shop.pulls().merge(KEY, record, shop.stored).content_ours


def test_a_past_that_would_undo_what_others_merged_is_seen(shop):
    """The tree is the signed one and its second parent is on main, but git would take a later commit for undone."""
    head, record = updated(shop)
    fixed = shop.server.push_as("erin", "main", {"README.md": "a hole is closed\n"})
    hub = shop.server.hub
    home = hub.store.repository(REPOSITORY)
    who = hub.signature(shop.server.bot)
    made = shop.git(
        "-c", f"user.name={who.name}", "-c", f"user.email={who.email}", "commit-tree", f"{head.head_sha}^{{tree}}",
        "-p", fixed, "-p", head.base_sha, "-m", "Update",
    ).strip()  # fmt: skip
    hub.move_ref(home, f"refs/heads/{BRANCH}", head.head_sha, made, shop.server.bot)
    shop.server.set_checks(REPOSITORY, made, "success")
    shop.server.approve(REPOSITORY, head.number, "erin")
    false = record.model_copy(update={"pull_requests": (head.model_copy(update={"head_sha": made}),)})
    pulls = shop.pulls()
    assert pulls.status(false.pull_request).ready
    with pytest.raises(NeedsPerson, match="more of main in its past"):
        pulls.merge(KEY, false, shop.stored)


def test_the_process_that_made_it_asks_for_nothing_more(shop):
    pulls = shop.pulls()
    made, record = shop.create(pulls)
    shop.server.set_checks(REPOSITORY, made.head_sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    pulls.status(made)
    before = pulls.requests

    def asked() -> bytes:
        raise AssertionError("the patch is not needed where it was written")

    assert pulls.merge(KEY, record, asked).state == "merged"
    # How it stands (6: itself, reviews, permission, check runs, statuses, base) and the merge.
    assert pulls.requests - before == 7
    assert pulls.verifiers()[State.PR_MERGED].verify(KEY, record).pull_request.approved_by == ("erin",)
    assert pulls.requests - before == 9, "whom the merge was decided on is not asked again"


def test_the_process_that_made_it_believes_no_other_head_either(shop):
    pulls = shop.pulls()
    made, record = shop.create(pulls)
    sha = shop.server.push_as(shop.server.bot, BRANCH, {"more.yaml": "a: 1\n"})
    shop.server.set_checks(REPOSITORY, sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    false = record.model_copy(update={"pull_requests": (made.model_copy(update={"head_sha": sha}),)})
    with pytest.raises(NeedsPerson, match="not what we would write"):
        pulls.merge(KEY, false, shop.stored)


def test_a_pull_request_of_another_attempt_is_not_the_incidents(shop):
    _made, record = approved(shop)
    with pytest.raises(Refused) as refused:
        shop.pulls().merge(KEY, record.model_copy(update={"attempt": 2}), shop.stored)
    assert refused.value.code == "foreign-pull-request"


def test_a_patch_that_is_not_the_signed_one_merges_nothing(shop):
    _made, record = approved(shop)
    other = shop.patch(after=AFTER.replace(b"shop:1", b"evil:1"))
    with pytest.raises(Refused) as refused:
        shop.pulls().merge(KEY, record, lambda: other)
    assert refused.value.code == "patch-differs"
    assert len(shop.git("rev-list", "main").split()) == 1


def test_a_signature_of_another_run_sends_it_back_to_be_signed_again(shop):
    """Runs without a key of their own each make one. The same change signed anew keeps its pull request."""
    made, record = approved(shop)
    pulls = shop.pulls(signing_key="z" * 32)
    with pytest.raises(Refused) as refused:
        pulls.merge(KEY, record, shop.stored)
    assert refused.value.code == "signature"
    assert "signature" in pulls.verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record).reason
    again = shop.record(shop.stored(), secret="z" * 32, pull_requests=(made,))
    assert pulls.create(KEY, again, shop.stored(), summary="s", url="") == made
    assert pulls.merge(KEY, again, shop.stored).approved_by == ("erin",)


def test_what_a_person_pushed_is_not_sent_back_for_a_signature(shop):
    made, record = approved(shop)
    shop.server.push_as("erin", BRANCH, {"more.yaml": "a: 1\n"})
    with pytest.raises(ProofRefused):
        shop.pulls(signing_key="z" * 32).verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record)
    assert shop.server.head(REPOSITORY, BRANCH) != made.head_sha


def test_two_approvals_where_two_are_wanted(shop):
    made, record = approved(shop)
    pulls = shop.pulls(github={"approvals": 2})
    assert "approvals-missing" in codes(pulls.status(made))
    shop.server.approve(REPOSITORY, made.number, "frida")
    assert pulls.merge(KEY, record, shop.stored).approved_by == ("erin", "frida")


def test_a_base_that_changed_our_file_meanwhile(shop):
    made, record = approved(shop)
    shop.server.push_as("erin", "main", {PATH: BEFORE.replace(b"64Mi", b"96Mi")})
    pulls = shop.pulls()
    status = pulls.status(made)
    assert "stale-base" in codes(status) and not status.ready
    assert pulls.verifiers()[State.FIX_IN_PROGRESS].verify(KEY, record).reason
    with pytest.raises(NeedsPerson):
        pulls.merge(KEY, record, shop.stored)


def test_a_base_that_changed_our_file_without_a_conflict_is_stale_too(shop):
    long = BEFORE + b"".join(b"line%d: x\n" % number for number in range(30))
    shop.server.push_as("erin", "main", {PATH: long})
    made, _record = shop.create(before=long, after=long.replace(b"64Mi", b"128Mi"))
    shop.server.push_as("erin", "main", {PATH: long.replace(b"line29: x", b"line29: y")})
    status = shop.pulls().status(made)
    assert status.mergeable is True and PATH in status.stale


def test_a_base_that_moved_elsewhere_is_no_hindrance(shop):
    _made, record = approved(shop)
    shop.server.push_as("erin", "main", {"README.md": "new\n"})
    assert shop.pulls().merge(KEY, record, shop.stored).content_ours


def test_merged_by_a_person_as_we_wrote_it(shop):
    made, record = shop.create()
    shop.server.merge_as("erin", REPOSITORY, made.number)
    proof = shop.pulls().verifiers()[State.PR_MERGED].verify(KEY, record)
    merged = proof.pull_request
    assert (merged.merged_by, merged.approved_by, merged.content_ours) == ("erin", (), True)


def test_merged_by_a_person_with_more_in_it_is_marked(shop):
    made, record = shop.create()
    shop.server.push_as("erin", BRANCH, {PATH: BEFORE.replace(b"64Mi", b"1Gi")})
    shop.server.merge_as("erin", REPOSITORY, made.number)
    proof = shop.pulls().verifiers()[State.PR_MERGED].verify(KEY, record)
    assert proof.pull_request.content_ours is False and proof.pull_request.merge_sha


def test_a_record_that_names_somebody_elses_pull_request_proves_nothing(shop):
    made, record = shop.create()
    shop.server.push_as("erin", "feature", {"x.yaml": "1\n"})
    hub = shop.server.hub
    home = hub.store.repository(REPOSITORY)
    theirs = hub.open_pull(home, "erin", title="t", body="", head="feature", base="main")
    shop.server.merge_as("erin", REPOSITORY, theirs.number)
    pulls = shop.pulls()
    verifier = pulls.verifiers()[State.PR_MERGED]
    for update in ({"number": theirs.number}, {"number": theirs.number, "branch": "feature"}):
        forged = record.model_copy(update={"pull_requests": (made.model_copy(update=update),)})
        with pytest.raises(ProofRefused):
            verifier.verify(KEY, forged)
        with pytest.raises((Refused, NeedsPerson)):
            pulls.merge(KEY, forged, shop.stored)


def test_branch_protection_that_refuses_is_told(shop):
    _made, record = approved(shop)
    shop.server.protect(REPOSITORY, approvals=2)
    with pytest.raises(NotReady, match="does not merge"):
        shop.pulls().merge(KEY, record, shop.stored)
    assert len(shop.git("rev-list", "main").split()) == 1


def test_a_dry_run_does_not_merge(shop):
    _made, record = approved(shop)
    pulls = shop.pulls(dry_run=True)
    pulls.merge(KEY, record, shop.stored)
    assert pulls.writes == 0 and "merge pull request" in pulls.described()[-1]
    assert len(shop.git("rev-list", "main").split()) == 1


def test_mergeability_that_takes_a_while_is_waited_for(shop):
    _made, record = approved(shop)
    shop.server.hub.unknown_mergeability = 2
    shop.server.push_as("erin", "main", {"README.md": "new\n"})
    assert shop.pulls().merge(KEY, record, shop.stored).state == "merged"
    assert shop.clock.slept == [1.0, 1.0]


def test_a_pull_request_that_somebody_points_elsewhere_is_not_merged(shop):
    made, record = approved(shop)
    shop.server.push_as("erin", "release", {"x.yaml": "1\n"})
    shop.server.hub.store.repository(REPOSITORY).issues[made.number].pull.base_ref = "release"
    with pytest.raises(NeedsPerson, match="release instead of main"):
        shop.pulls().merge(KEY, record, shop.stored)


# -- comments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["", "drop-before", "drop-after"])
def test_one_comment_per_name(shop, action):
    made, _record = shop.create()
    pulls = shop.pulls()
    if action:
        shop.break_(match="/comments$", method="POST", action=action)
    for _time in range(2):
        try:
            pulls.comment(made, "stopped", "@erin fixes #1 <!-- x -->")
        except Outage:
            assert action == "drop-before"
    pulls.comment(made, "other", "text")
    comments = shop.server.hub.store.repository(REPOSITORY).issues[made.number].comments
    assert len(comments) == 2
    first = next(iter(comments.values())) if isinstance(comments, dict) else comments[0]
    assert "@erin" not in first.body and "#1" not in first.body.replace("\\#1", "")
    with pytest.raises(Refused):
        pulls.comment(made, "--> x", "text")


def test_a_comment_of_somebody_else_with_our_mark_hides_nothing(shop):
    made, _record = shop.create()
    shop.server.comment(REPOSITORY, made.number, "mallory", "<!-- selfheal:comment:stopped -->")
    shop.pulls().comment(made, "stopped", "text")
    assert len(shop.server.hub.store.repository(REPOSITORY).issues[made.number].comments) == 2


# -- revert ----------------------------------------------------------------------------------------------------


def regressed(shop):
    made, record = approved(shop)
    merged = shop.pulls().merge(KEY, record, shop.stored)
    verification = Verification(outcome=Outcome.REGRESSED, pull_request=made.number)
    return record.model_copy(
        update={
            "state": State.VERIFICATION_IN_PROGRESS, "pull_requests": (merged,), "verification": verification,
            "entered": WHEN,
        }
    )  # fmt: skip


def test_a_revert_restores_exactly_the_former_bytes(shop):
    record = regressed(shop)
    shop.server.push_as("erin", "main", {"README.md": "later\n"})
    pulls = shop.pulls()
    made = pulls.revert(KEY, record, reason="It is @everyone worse, fixes #3")
    assert (made.role, made.branch) == ("revert", f"{BRANCH}-revert")
    assert shop.git("show", f"{made.branch}:{PATH}").encode() == BEFORE
    assert shop.git("diff", "--name-only", "main", made.branch).split() == [PATH]
    assert pulls.verifiers()[State.PR_CREATED].verify(KEY, record).pull_request.role == "revert"
    assert shop.pulls().revert(KEY, record, reason="again") == made
    body = shop.server.hub.store.repository(REPOSITORY).issues[made.number].body
    assert "@everyone" not in body


def test_a_revert_is_merged_only_as_what_it_restores(shop):
    record = regressed(shop)
    made = shop.pulls().revert(KEY, record, reason="worse")
    record = record.model_copy(
        update={"state": State.PR_CREATED, "pull_requests": (*record.pull_requests, made)}
    )
    shop.server.set_checks(REPOSITORY, made.head_sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    sha = shop.server.push_as(shop.server.bot, made.branch, {"more.yaml": "a: 1\n"})
    shop.server.set_checks(REPOSITORY, sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    entry = made.model_copy(update={"head_sha": sha})
    false = record.model_copy(update={"pull_requests": (record.pull_requests[0], entry)})
    with pytest.raises(NeedsPerson, match="not what we would write"):
        shop.pulls().merge(KEY, false, shop.stored)


def test_a_revert_as_we_wrote_it_is_merged_by_another_process(shop):
    record = regressed(shop)
    made = shop.pulls().revert(KEY, record, reason="worse")
    record = record.model_copy(
        update={"state": State.PR_CREATED, "pull_requests": (*record.pull_requests, made)}
    )
    shop.server.set_checks(REPOSITORY, made.head_sha, "success")
    shop.server.approve(REPOSITORY, made.number, "erin")
    assert shop.pulls().merge(KEY, record, shop.stored).role == "revert"
    assert shop.git("show", f"main:{PATH}").encode() == BEFORE


def test_a_revert_over_a_later_change_is_for_a_person(shop):
    record = regressed(shop)
    shop.server.push_as("erin", "main", {PATH: "kind: Deployment\nspec: {}\n"})
    with pytest.raises(NeedsPerson, match="changed again"):
        shop.pulls().revert(KEY, record, reason="worse")


def test_what_a_person_put_into_the_merge_is_not_reverted(shop):
    made, record = shop.create()
    shop.server.push_as("erin", BRANCH, {"more.yaml": "a: 1\n"})
    shop.server.merge_as("erin", REPOSITORY, made.number)
    pulls = shop.pulls()
    merged = pulls.verifiers()[State.PR_MERGED].verify(KEY, record).pull_request
    after = record.model_copy(update={"pull_requests": (merged,)})
    with pytest.raises(NeedsPerson, match="not what we wrote"):
        pulls.revert(KEY, after, reason="worse")


def test_runs_are_listed(shop):
    made, _record = shop.create()
    assert shop.pulls().runs(made) == ()
