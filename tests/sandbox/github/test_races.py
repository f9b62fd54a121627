"""Several at once: what GitHub serialises, the sandbox does too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from github import GithubException

from tests.sandbox.github.conftest import REPOSITORY, client, commit_as_bot, open_pull


def outcomes(count: int, act) -> list[int]:
    """Statuses of ``act(number)`` run at once; 0 for success."""

    def one(number: int) -> int:
        try:
            act(number)
        except GithubException as error:
            return error.status
        return 0

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))


def test_one_of_many_creates_the_branch(server, repo):
    sha = commit_as_bot(repo, "source", {"a": "b"})

    def create(_number: int) -> None:
        with client(server) as api:
            api.get_repo(REPOSITORY).create_git_ref("refs/heads/selfheal/inc-1", sha)

    assert outcomes(6, create) == [0, 422, 422, 422, 422, 422]


def test_one_of_many_opens_and_one_merges(server, repo):
    commit_as_bot(repo, "topic", {"a": "b"})

    def create(_number: int) -> None:
        with client(server) as api:
            api.get_repo(REPOSITORY).create_pull(base="main", head="topic", title="x")

    assert outcomes(4, create) == [0, 422, 422, 422]
    pull = repo.get_pull(1)

    def merge(_number: int) -> None:
        with client(server) as api:
            api.get_repo(REPOSITORY).get_pull(1).merge(sha=pull.head.sha)

    assert outcomes(4, merge) == [0, 405, 405, 405]
    assert repo.get_commits().totalCount == 3


def test_pull_requests_side_by_side_are_all_merged(server, repo):
    pulls = []
    for number in range(4):
        commit_as_bot(repo, f"topic-{number}", {f"{number}.txt": "x"})
        pulls.append(repo.create_pull(base="main", head=f"topic-{number}", title="x"))

    def merge(number: int) -> None:
        with client(server) as api:
            api.get_repo(REPOSITORY).get_pull(pulls[number].number).merge(merge_method="squash")

    assert outcomes(4, merge) == [0, 0, 0, 0]
    assert {item.path for item in repo.get_contents("")} >= {f"{number}.txt" for number in range(4)}
    assert open_pull(repo).mergeable
