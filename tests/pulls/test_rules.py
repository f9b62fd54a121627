"""The rules of reviews and checks, as pure functions."""

from __future__ import annotations

import pytest

from selfheal.pulls.checks import judge
from selfheal.pulls.reviews import standing

HEAD = "a" * 40


def review(login, state, *, id=1, at="2026-11-20T08:00:00Z", sha=HEAD, kind="User"):
    return {
        "id": id,
        "user": {"login": login, "type": kind},
        "state": state,
        "commit_id": sha,
        "submitted_at": at,
    }


def stands(*reviews, writers=("selfheal[bot]",), permissions=None):
    asked = permissions or {}
    found = standing(reviews, head=HEAD, writers=writers, permission=lambda login: asked.get(login, "write"))
    return {item.login: (item.state, item.counts) for item in found}


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ([review("erin", "APPROVED")], {"erin": ("APPROVED", True)}),
        # A comment says nothing about an earlier verdict.
        ([review("erin", "APPROVED"), review("erin", "COMMENTED", id=2, at="2026-11-20T09:00:00Z")],
         {"erin": ("APPROVED", True)}),
        # The latest saying counts, whatever the order of the list.
        ([review("erin", "CHANGES_REQUESTED", id=2, at="2026-11-20T09:00:00Z"), review("erin", "APPROVED")],
         {"erin": ("CHANGES_REQUESTED", True)}),
        ([review("Erin", "APPROVED"), review("erin", "DISMISSED", id=2, at="2026-11-20T09:00:00Z")],
         {"erin": ("DISMISSED", False)}),
        ([review("erin", "APPROVED", sha="b" * 40)], {"erin": ("APPROVED", False)}),
        # A request for changes on an older head stands.
        ([review("erin", "CHANGES_REQUESTED", sha="b" * 40)], {"erin": ("CHANGES_REQUESTED", True)}),
        ([review("helper[bot]", "APPROVED", kind="Bot")], {"helper[bot]": ("APPROVED", False)}),
        ([review("helper[bot]", "APPROVED")], {"helper[bot]": ("APPROVED", False)}),
        ([{"id": 1, "user": None, "state": "APPROVED", "commit_id": HEAD}], {}),
        ([review("erin", "PENDING"), review("erin", "odd")], {}),
        ([], {}),
    ],
)  # fmt: skip
def test_whose_review_counts(reviews, expected):
    assert stands(*reviews) == expected


@pytest.mark.parametrize(
    ("permission", "counts"),
    [
        ("admin", True),
        ("maintain", True),
        ("write", True),
        ("triage", False),
        ("read", False),
        ("none", False),
        ("", False),
    ],
)
def test_only_who_may_write(permission, counts):
    for state in ("APPROVED", "CHANGES_REQUESTED"):
        found = stands(review("erin", state), permissions={"erin": permission})
        assert found == {"erin": (state, counts)}


def test_who_wrote_it_does_not_review_it():
    assert stands(review("erin", "APPROVED"), writers=("selfheal[bot]", "ERIN")) == {
        "erin": ("APPROVED", False)
    }


def test_permissions_are_asked_only_where_they_matter():
    asked = []
    standing(
        [review("a", "APPROVED", sha="b" * 40), review("b", "DISMISSED"), review("c", "APPROVED")],
        head=HEAD, writers=(), permission=lambda login: asked.append(login) or "write",
    )  # fmt: skip
    assert asked == ["c"]


def run(name, status="completed", conclusion="success"):
    return {"name": name, "status": status, "conclusion": conclusion}


@pytest.mark.parametrize(
    ("runs", "statuses", "colour"),
    [
        ([], [], "none"),
        ([run("a")], [], "green"),
        ([run("a"), run("b", conclusion="skipped"), run("c", conclusion="neutral")], [], "green"),
        ([], [{"context": "c", "state": "success"}], "green"),
        ([run("a", "queued", None)], [], "pending"),
        ([run("a", "in_progress", None), run("b", conclusion="failure")], [], "red"),
        ([run("a")], [{"context": "c", "state": "pending"}], "pending"),
        ([run("a")], [{"context": "c", "state": "error"}], "red"),
        ([run("a", conclusion="something-new")], [], "red"),
        ([run("a", conclusion=None)], [], "red"),
        *[([run("a", conclusion=word)], [], "red")
          for word in ("failure", "timed_out", "cancelled", "action_required", "stale", "startup_failure")],
    ],
)  # fmt: skip
def test_what_is_green(runs, statuses, colour):
    assert judge(runs, statuses).colour == colour
