"""The scenarios that are shipped: each loads, and its change applies to its application."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from selfheal.sandbox import scenario as scenarios

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", scenarios.names())
def test_its_change_applies_and_changes_something(name):
    scenario = scenarios.load(name)
    app = scenarios.application(scenario.application)
    first, *changes = scenarios.history(app, [scenario], NOW)
    assert first.files == app.files
    assert bool(changes) is bool(scenario.edits)
    for commit in changes:
        assert all(app.files[path] != content for path, content in commit.files.items())
    assert {"summary", "description", "priority"} <= set(scenario.incident)


def test_several_changes_become_commits_oldest_first():
    staged = [scenarios.load(name) for name in ("cart-image-tag", "catalog-out-of-memory")]
    commits = scenarios.history(scenarios.application("shop"), staged, NOW)
    assert [commit.at for commit in commits] == sorted(commit.at for commit in commits)
    assert [commit.message.partition(":")[0] for commit in commits] == ["shop", "catalog", "cart"]


def test_an_unknown_scenario_names_those_there_are():
    with pytest.raises(scenarios.UnknownScenario, match="cart-image-tag"):
        scenarios.load("../applications/shop")
