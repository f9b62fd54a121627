"""A service repository under its operations repository: every setting has a rule, and none can be loosened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from selfheal import config
from selfheal.config import tighten
from selfheal.config.model import Mode, Service, Settings
from selfheal.config.tighten import RULES, tightened

CAREFUL: tuple[Mode, ...] = ("observe", "propose", "heal")


def settings(text="", repository="acme/shop"):
    return config.load(file_text=text, environ={"GITHUB_REPOSITORY": repository})


def result(central, local):
    return tightened(settings(central), settings(local))


def test_every_setting_has_a_rule_and_no_rule_is_left_over():
    groups = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if hasattr(field.annotation, "model_fields")
    }
    groups.pop("endpoints")
    plain = {name for name in Settings.model_fields if name not in groups} - {"services"}
    assert set(RULES[""]) == plain
    assert set(RULES) - {""} == set(groups)
    for name, group in groups.items():
        assert set(RULES[name]) == set(group.model_fields), name


@examples(deadline=None, max_examples=60)
@given(
    st.tuples(st.sampled_from(CAREFUL), st.sampled_from(CAREFUL)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.booleans(), st.booleans()),
)
def test_nothing_becomes_looser_than_either_side(modes, numbers, flags):
    def text(side):
        return (
            f"mode: {modes[side]}\npolicy: {{max_files: {numbers[side]}, code_changes: {str(flags[side]).lower()}, relapse_days: {numbers[side]}}}\n"
            f"github: {{approvals: {numbers[side]}, allow_no_checks: {str(flags[side]).lower()}}}\nlimits: {{attempts: {numbers[side]}}}\n"
        )

    got = result(text(0), text(1)).settings
    assert CAREFUL.index(got.mode) == min(map(CAREFUL.index, modes))
    assert got.policy.max_files == got.limits.attempts == min(numbers)
    assert got.github.approvals == got.policy.relapse_days == max(numbers)
    assert got.policy.code_changes is got.github.allow_no_checks is all(flags)


@pytest.mark.parametrize(
    ("central", "local", "name"),
    [
        ("mode: observe", "mode: heal", "mode"),
        ("policy: {max_lines: 10}", "policy: {max_lines: 99}", "policy.max_lines"),
        ("github: {approvals: 2}", "github: {approvals: 1}", "github.approvals"),
        ("jira: {project: INC}", "jira: {project: OTHER}", "jira.project"),
        ("limits: {deadline_hours: {High: 8}}", "limits: {deadline_hours: {High: 9}}", "limits.deadline_hours"),
        ("services: []", "services: [{name: mine}]", "services.mine"),
    ],
)  # fmt: skip
def test_what_would_loosen_is_named_and_does_not_count(central, local, name):
    got = result(central, local)
    assert name in got.refused
    again = tightened(settings(central), got.settings)
    assert again.settings == got.settings, "tightening twice is the same as once"


def test_tighter_settings_count_and_are_not_named():
    got = result(
        "policy: {max_files: 5, freeze: [a]}\nmode: heal",
        "policy: {max_files: 1, freeze: [b]}\nmode: propose",
    )
    assert (got.settings.policy.max_files, got.settings.mode) == (1, "propose")
    assert got.settings.policy.freeze == ("a", "b")
    assert got.refused == ()


def test_what_the_service_leaves_alone_is_the_central_value_and_no_complaint():
    got = result("policy: {max_files: 1}\nmode: observe\njira: {project: INC}", "")
    assert (got.settings.policy.max_files, got.settings.mode, got.settings.jira.project) == (
        1,
        "observe",
        "INC",
    )
    assert got.refused == ()


def test_what_the_service_leaves_alone_is_the_central_value_even_where_that_is_the_bolder_one():
    got = result(
        "mode: heal\npolicy: {max_files: 9, image_registries: [ghcr.io], allow_quota_raise: true}\n"
        "model: {usd: 5, name: builtin}\nlimits: {attempts: 7}\nverification: {rollout_timeout: 1800, soak: 10}",
        "policy: {max_lines: 5}",
    ).settings
    assert (got.mode, got.policy.max_files, got.policy.max_lines) == ("heal", 9, 5)
    assert (got.policy.image_registries, got.policy.allow_quota_raise) == (("ghcr.io",), True)
    assert (got.model.usd, got.model.name, got.limits.attempts) == (5, "builtin", 7)
    assert (got.verification.rollout_timeout, got.verification.soak) == (1800, 10)


@pytest.mark.parametrize(
    ("central", "local", "name", "refused"),
    [
        ("builtin", "openai/gpt-5-mini", "builtin", True),
        ("openai/a", "other/b", "openai/a", True),
        ("openai/a", "builtin", "builtin", False),
        ("", "openai/a", "openai/a", False),
    ],
)
def test_the_provider_is_the_operations_repositorys_choice(central, local, name, refused):
    got = result(f"model: {{name: {central!r}}}", f"model: {{name: {local!r}}}")
    assert got.settings.model.name == name
    assert ("model.name" in got.refused) is refused


@pytest.mark.parametrize(
    ("group", "name", "bold"),
    [(group, name, bold) for group, names in {
        "github": {"approvals": 1, "allow_no_checks": True, "max_open_pull_requests": 99},
        "verification": {"soak": 0, "samples": 1, "interval": 0.1},
        "model": {"calls": 999, "input_tokens": 10**9, "output_tokens": 10**9, "usd": 999, "usd_per_day_repository": 999,
                  "usd_per_day_reporter": 999, "usd_per_million_input": 0, "usd_per_million_output": 0, "timeout": 999},
        "policy": {"allowed_paths": ["x/**"], "max_files": 99, "max_lines": 999, "image_registries": ["evil.example"],
                   "raise_factor": 4, "raise_total": 16, "allow_quota_raise": True, "server_dry_run": False,
                   "relapse_days": 0, "code_changes": True},
        "limits": {"max_incidents": 200, "attempts": 20, "defects": 99, "storm": 999, "ill_share": 1},
        "redaction": {"emails": False},
    }.items() for name, bold in names.items()],
)  # fmt: skip
def test_no_setting_can_be_loosened(group, name, bold):
    careful = (
        "github: {approvals: 2}\nverification: {soak: 60, samples: 4}\nmodel: {usd_per_million_input: 1}\n"
        "policy: {allowed_paths: [deploy/**], protected_paths: [deploy/x], server_dry_run: true}\n"
        "redaction: {emails: true}"
    )
    got = result(careful, f"{group}: {{{name}: {bold}}}")
    expected = getattr(getattr(settings(careful), group), name)
    decided = getattr(getattr(got.settings, group), name)
    assert decided == (() if name == "allowed_paths" else expected)
    assert f"{group}.{name}" in got.refused


def test_a_setting_without_a_rule_stays_at_the_central_value(monkeypatch):
    rules = {group: dict(names) for group, names in RULES.items() if group != "redaction"}
    del rules["policy"]["max_files"]
    monkeypatch.setattr(tighten, "RULES", rules)
    got = result(
        "policy: {max_files: 1}\nredaction: {emails: true}",
        "policy: {max_files: 9}\nredaction: {emails: false}",
    ).settings
    assert (got.policy.max_files, got.redaction.emails) == (1, True)


@pytest.mark.parametrize(
    ("central", "local", "both"),
    [
        (["**"], ["deploy/**"], ("deploy/**",)),
        (["deploy/**"], ["**"], ("deploy/**",)),
        (["deploy/**"], ["deploy/shop/**", "src/**"], ("deploy/shop/**",)),
        (["deploy/**"], ["deploy/../src/**"], ()),
        (["deploy/**"], ["deployment/**"], ()),
        (["deploy/*.yaml"], ["deploy/*.yaml", "deploy/x.yaml"], ("deploy/*.yaml",)),
    ],
)
def test_paths_are_those_within_both(central, local, both):
    got = result(f"policy: {{allowed_paths: {central}}}", f"policy: {{allowed_paths: {local}}}")
    assert got.settings.policy.allowed_paths == both


def test_deadlines_are_the_shorter_ones():
    got = result(
        'limits: {deadline_hours: {High: 8, "*": 24}}',
        'limits: {deadline_hours: {High: 100, Low: 2, "*": 30}}',
    )
    assert got.settings.limits.deadline_hours == {"High": 8.0, "Low": 2.0, "*": 24.0}


def test_services_are_the_central_ones_of_this_repository_with_the_more_careful_mode():
    central = settings(
        "mode: heal\nservices:\n"
        "  - {name: mine, repository: Acme/Shop, mode: propose, modes_by_fault: {oom-killed: propose}}\n"
        "  - {name: other, repository: acme/other}\n  - {name: centre}\n"
    )
    local = settings(
        "services:\n  - {name: mine, mode: heal, path: elsewhere, modes_by_fault: {oom-killed: observe, x: heal}}\n"
    )
    (service,) = tightened(central, local).settings.services
    assert isinstance(service, Service)
    assert (service.name, service.mode, service.path) == ("mine", "propose", "")
    assert service.modes_by_fault == {"oom-killed": "observe", "x": "propose"}


def test_endpoints_stay_the_jobs_own():
    central = config.load(environ={"GITHUB_REPOSITORY": "acme/ops", "ATLASSIAN_TOKEN": "central"})
    local = config.load(environ={"GITHUB_REPOSITORY": "acme/shop", "ATLASSIAN_TOKEN": "local"})
    assert tightened(central, local).settings.endpoints == local.endpoints
