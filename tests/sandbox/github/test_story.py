"""The life of a pull request as the product leads it, through the real client."""

from __future__ import annotations

import pytest

from tests.sandbox.github.conftest import REPOSITORY, client, git, open_pull


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_from_a_branch_to_the_merged_main(server, clock, tmp_path, prefix):
    server.set_ci("success", name="ci", delay=10)
    server.auto_approve("priya", 30)
    server.protect(REPOSITORY, approvals=1, checks=["ci"])
    with client(server, prefix=prefix) as api:
        repo = api.get_repo(REPOSITORY)
        pull = open_pull(repo)
        assert pull.url.startswith(f"{server.url}{prefix}/repos/")
        assert (pull.user.login, pull.user.type) == ("selfheal[bot]", "Bot")
        assert pull.mergeable_state == "blocked"
        assert repo.get_commit(pull.head.sha).get_check_runs()[0].conclusion is None

        clock.pass_by(31)
        [review] = pull.get_reviews()
        assert (review.user.login, review.state, review.commit_id) == ("priya", "APPROVED", pull.head.sha)
        assert "simulated" in review.body.lower()
        assert repo.get_commit(pull.head.sha).get_check_runs()[0].conclusion == "success"
        assert repo.get_collaborator_permission("priya") == "write"
        pull.update()
        assert (pull.mergeable, pull.mergeable_state) == (True, "clean")

        done = pull.merge(sha=pull.head.sha, merge_method="squash")
        assert done.merged
        pull.update()
        assert (pull.merged, pull.merged_by.login, pull.merge_commit_sha) == (True, "selfheal[bot]", done.sha)
        assert repo.get_branch("main").commit.sha == done.sha
    folder = tmp_path / "clone"
    git("clone", "--quiet", "--depth=1", server.clone_url(REPOSITORY), str(folder))
    assert "128Mi" in (folder / "deploy/catalog.yaml").read_text()
    assert git("rev-list", "--count", "HEAD", cwd=folder).stdout.strip() == "1"
