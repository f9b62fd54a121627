"""A dry run writes nothing anywhere and says what it would have written, in every stage."""

from __future__ import annotations

from selfheal.incidents.states import Stage


def effects(server):
    return [entry for entry in server.requests if entry["effect"]]


def test_nothing_is_written_and_everything_is_described(stage):
    crew = stage("cart-image-tag", SELFHEAL_DRY_RUN="true")
    before = (crew.branches(), crew.commits(), crew.status("INC-1"), crew.comments("INC-1"))
    world = crew.world
    for server in (world.jira, world.github, world.kubernetes):
        server.requests.clear()
    stages = {}
    for name in (Stage.COORDINATE, Stage.ANALYZE, Stage.FIX, Stage.GATE, Stage.PR):
        stages[name] = crew.serve(name, "INC-1")
    for server in (world.jira, world.github, world.kubernetes):
        assert server.requests
        assert not effects(server), server.name
    assert (crew.branches(), crew.commits(), crew.status("INC-1"), crew.comments("INC-1")) == before
    assert crew.record("INC-1") is None
    for name, report in stages.items():
        assert report.exit_code == 0, (name, report.summary, report.hint)
        assert report.would_write, name
    said = {name: " ".join(report.would_write) for name, report in stages.items()}
    assert "ANALYSIS_COMPLETE" in said[Stage.ANALYZE]
    assert "Root cause" in said[Stage.ANALYZE]
    assert "patch" in said[Stage.FIX]
    assert "FIX_GENERATED" in said[Stage.GATE]
    assert "selfheal/inc-1-1" in said[Stage.PR]
    assert "pull request" in said[Stage.PR].casefold()
    # Nobody can approve what does not exist: what would follow is told there.
    assert "merge the pull request" in said[Stage.PR]
    assert "INCIDENT_RESOLVED" in said[Stage.PR]


def test_what_is_already_merged_is_watched_without_writing(stage):
    crew = stage("cart-image-tag")
    crew.heal_until("INC-1", crew_state("PR_MERGED"))
    crew.environ["SELFHEAL_DRY_RUN"] = "true"
    crew.overlays.clear()
    crew.world.jira.requests.clear()
    report = crew.serve("deploy", "INC-1")
    assert report.exit_code == 0, report.summary
    assert not effects(crew.world.jira)
    assert "INCIDENT_RESOLVED" in " ".join(report.would_write)
    assert crew.state("INC-1") == "PR_MERGED"


def crew_state(name):
    from selfheal.incidents.states import State

    return State(name)
