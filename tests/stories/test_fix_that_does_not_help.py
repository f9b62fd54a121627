"""A fix that does not help: nothing is resolved unproven; what was learned leads to the next attempt or to a person."""

from __future__ import annotations

from selfheal.incidents.states import State

TARGET = "deploy/catalog/deployment.yaml"


def test_it_goes_round_again_with_what_was_learned(stage):
    crew = stage("catalog-outgrown", SELFHEAL_VERIFICATION_INTERVAL="60", SELFHEAL_VERIFICATION_SOAK="300")
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.state is State.INCIDENT_RESOLVED, [report.summary for report in crew.reports]
    assert record.attempt == 2
    (tried,) = record.tried
    assert tried.fault == "oom-killed"
    assert tried.outcome == "ineffective"
    assert tried.learned
    assert [pull.pull.merged is not None for pull in crew.pulls()] == [True, True]
    assert {"selfheal/inc-1-1", "selfheal/inc-1-2"} <= set(crew.branches())
    steps = [step.to_state for step in record.history]
    first = steps.index(State.VERIFICATION_IN_PROGRESS)
    assert steps[first + 1] is State.ANALYSIS_IN_PROGRESS
    assert steps[-1] is State.INCIDENT_RESOLVED
    assert any("did not help" in text for text in crew.comments("INC-1"))


def test_out_of_attempts_it_ends_with_a_person(stage):
    crew = stage(
        "catalog-outgrown", SELFHEAL_LIMITS_ATTEMPTS="1", SELFHEAL_VERIFICATION_INTERVAL="60",
        SELFHEAL_VERIFICATION_SOAK="300",
    )  # fmt: skip
    last = crew.heal("INC-1")[-1]
    assert (crew.state("INC-1"), last.exit_code) == (State.INCIDENT_REQUIRES_HUMAN, 4)
    assert len(crew.pulls()) == 1
    assert crew.status("INC-1") != "Completed"


def test_a_bound_on_raises_ends_it_with_a_person(stage):
    crew = stage(
        "catalog-outgrown", SELFHEAL_POLICY_RAISE_FACTOR="1.5", SELFHEAL_POLICY_RAISE_TOTAL="1.6",
        SELFHEAL_VERIFICATION_INTERVAL="60", SELFHEAL_VERIFICATION_SOAK="300",
    )  # fmt: skip
    crew.heal("INC-1")
    record = crew.record("INC-1")
    assert record.state is State.INCIDENT_REQUIRES_HUMAN
    assert State.INCIDENT_RESOLVED not in [step.to_state for step in record.history]
