"""The nth write to Jira or GitHub is lost, before its effect or after it, and the crew runs again: healed, once.

Every n takes minutes, so the usual run takes some of them; ``SELFHEAL_STORIES=all`` takes each.
"""

from __future__ import annotations

import os

import pytest

from selfheal.incidents.states import State
from selfheal.sandbox.emulator import WRITES
from tests.stories.crew import staged

SCENARIO = "cart-image-tag"
EVERY = os.environ.get("SELFHEAL_STORIES") == "all"
STRIDE = 1 if EVERY else 9
#: More writes than a heal has; the loop ends at the first n that no write had.
MOST = 120
ASKING = ("/search/jql", "/graphql", "/git-upload-pack")


class NthWrite:
    """An injected fault for the nth request that changes something, counted over all servers it is given to."""

    seconds, status, headers, body = 0.0, 503, None, None

    def __init__(self, nth, action):
        self.nth, self.action = nth, action
        self.seen, self.hit = 0, ""

    def strikes(self, method, path):
        if method not in WRITES or path.partition("?")[0].endswith(ASKING):
            return False
        self.seen += 1
        if self.seen != self.nth:
            return False
        self.hit = f"{method} {path}"
        return True


def healed_in_spite_of(fault, folder):
    """What is wrong in the end; "" when all is well."""
    with staged(folder, SCENARIO) as crew:
        key = next(iter(crew.world.incidents))
        crew.world.jira.faults.append(fault)
        crew.world.github.faults.append(fault)
        runs = 0
        while crew.state(key) is not State.INCIDENT_RESOLVED and runs < 3:
            runs += 1
            crew.heal(key)
            crew.later()
        return "; ".join(what_is_wrong(crew, key))


def what_is_wrong(crew, key):
    record = crew.record(key)
    told = crew.comments(key)
    pulls = crew.pulls()
    titles = [title for title in crew.commits() if title.startswith(f"{key}:")]
    checks = {
        f"it is {crew.state(key)}: {crew.reports[-1].summary}": crew.state(key) is State.INCIDENT_RESOLVED,
        f"the issue is {crew.status(key)}": crew.status(key) == "Completed",
        f"{len(pulls)} pull requests": len(pulls) == 1,
        f"{len(titles)} commits on main": len(titles) == 1,
        f"branches {crew.branches()}": set(crew.branches()) <= {"main", f"selfheal/{key.lower()}-1"},
        f"comments told twice or not at all: {[text[:40] for text in told]}": len(told)
        == len(set(told))
        == 3,
        "attempts were used": record is not None and record.attempt == 1,
        "a claim was left": record is not None and record.claim is None,
    }
    return [problem for problem, well in checks.items() if not well]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("action", ["drop-before", "drop-after"])
def test_every_lost_write_is_made_up_for(action, tmp_path):
    wrong, tried = {}, 0
    for nth in range(1, MOST, STRIDE):
        folder = tmp_path / f"n{nth}"
        folder.mkdir()
        fault = NthWrite(nth, action)
        problem = healed_in_spite_of(fault, folder)
        if not fault.hit:
            break
        tried += 1
        if problem:
            wrong[f"{nth}: {fault.hit}"] = problem
    else:
        raise AssertionError(f"there are still writes after {MOST}")
    assert not wrong, wrong
    assert tried >= (20 if EVERY else 3)
