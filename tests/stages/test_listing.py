"""What waits: eligible incidents, each with its next stage; others' incidents go elsewhere; nothing foreign is touched."""

from __future__ import annotations

import subprocess
import sys

import pytest

from selfheal import config
from selfheal.jsm.manager import Account
from selfheal.sandbox.world import World
from selfheal.stages.dispatch import Dispatcher
from selfheal.stages.eligible import why_not
from selfheal.stages.listing import Listing, listing

CENTRAL = (
    "jira: {project: INC}\nservices:\n"
    "  - {name: catalog, namespace: shop, workloads: [Deployment/catalog], path: deploy, repository: acme/elsewhere}\n"
)


class Recorder(Dispatcher):
    """A dispatcher whose coordinate stage adopts in this process, without the crew."""

    def alone(self, stage, key):
        from selfheal.incidents.record import Source, Target
        from selfheal.jsm.manager import JSMStateManager
        from selfheal.stages.report import Outcome, StageReport

        manager = JSMStateManager.connect(self.settings, clock=self.clock)
        manager.adopt(key)
        with manager.claim(key, stage) as lease:
            service = self.settings.services[0]
            manager.update(
                key, "target", Target(namespace="shop", kind="Deployment", name="catalog"), lease=lease
            )
            repository = service.repository or self.settings.endpoints.github_repository
            manager.update(key, "source", Source(repository=repository, path="deploy"), lease=lease)
        return StageReport(stage, key, Outcome.PROGRESS, next_stage="analyze")


@pytest.fixture
def world():
    with World(scenarios=("catalog-out-of-memory",), only=("jira", "github")) as found:
        yield found


def dispatcher(world, tmp_path, text=None):
    """Over a checkout with the settings ``text``; the application's own by default."""
    app = next(iter(world.applications.values()))
    directory = tmp_path / "checkout"
    if not directory.exists():
        subprocess.run(
            ["git", "clone", "-q", str(world.github.bare(app.repository)), str(directory)], check=True
        )
        if text is not None:
            (directory / ".selfheal.yml").write_text(text)
            who = ["-c", "user.name=a", "-c", "user.email=a@b"]
            subprocess.run(["git", "-C", str(directory), *who, "commit", "-qam", "settings"], check=True)
    environ = {**world.environ(), "SELFHEAL_REPOSITORY_DIR": str(directory)}
    return Recorder(environ, {}, lambda *_: None, own_key=False)


def state_writes(world):
    return [
        entry for entry in world.jira.requests if entry["method"] != "GET" and "search" not in entry["path"]
    ]


def test_a_new_incident_is_coordinated_and_listed_with_its_next_stage(world, tmp_path):
    (key,) = world.incidents
    found = listing(dispatcher(world, tmp_path))
    assert found.document()["incidents"] == [{"key": key, "stage": "analyze"}]
    assert [report.key for report in found.reports] == [key]
    again = listing(dispatcher(world, tmp_path))
    assert again.document()["incidents"] == [{"key": key, "stage": "analyze"}]
    assert again.reports == [], "it is coordinated once"


def test_a_named_incident_of_somebody_else_is_refused_and_untouched(world, tmp_path):
    (key,) = world.incidents
    world.jira.as_person("customer").reassign(key, "customer")
    world.jira.requests.clear()
    found = listing(dispatcher(world, tmp_path), keys=(key, "INC-999", "OTHER-1"))
    assert found.items == []
    assert set(found.refused) == {key, "INC-999", "OTHER-1"}
    assert "is assigned to" in found.refused[key]
    assert state_writes(world) == []


def test_anothers_service_goes_to_its_repository_until_that_one_begins(world, tmp_path):
    (key,) = world.incidents
    found = listing(dispatcher(world, tmp_path, CENTRAL))
    assert found.items == []
    assert found.document()["elsewhere"] == [
        {"key": key, "repository": "acme/elsewhere", "owner": "acme", "name": "elsewhere"}
    ]


def test_a_service_repository_adopts_nothing_by_itself_and_takes_its_own(world, tmp_path):
    (key,) = world.incidents
    assert listing(dispatcher(world, tmp_path), adopts=False).items == []
    assert (
        "has not handed it over"
        in listing(dispatcher(world, tmp_path), keys=(key,), adopts=False).refused[key]
    )
    listing(dispatcher(world, tmp_path))
    assert [item.key for item in listing(dispatcher(world, tmp_path), adopts=False).items] == [key]


def test_a_service_repository_refuses_what_is_handed_to_it_by_mistake(world, tmp_path):
    (key,) = world.incidents
    listing(dispatcher(world, tmp_path, CENTRAL))
    found = listing(dispatcher(world, tmp_path), keys=(key,), adopts=False)
    assert found.items == [] == found.elsewhere
    assert "deployed from acme/elsewhere" in found.refused[key]


def test_above_the_limit_incidents_wait_for_the_next_run(world, tmp_path):
    for _more in range(2):
        world.jira.file_incident(summary="catalog is down", assignee="bot")
    lister = dispatcher(world, tmp_path)
    lister.settings = lister.settings.model_copy(
        update={"limits": lister.settings.limits.model_copy(update={"max_incidents": 1})}
    )
    found = listing(lister)
    assert len(found.items) == 1
    assert found.left_for_next_run >= 1


def test_a_person_who_takes_an_incident_back_is_heeded(world, tmp_path):
    (key,) = world.incidents
    listing(dispatcher(world, tmp_path))
    world.jira.as_person("customer").reassign(key, "customer")
    assert listing(dispatcher(world, tmp_path)).items == []
    record = world.jira.store.issues[key].properties["selfheal"]
    assert record["state"] == "INCIDENT_RELEASED"


def test_people_who_act_on_anothers_incident_are_heeded_there(world, tmp_path):
    (key,) = world.incidents
    listing(dispatcher(world, tmp_path, CENTRAL))
    world.jira.as_person("customer").reassign(key, "customer")
    world.jira.requests.clear()
    assert listing(dispatcher(world, tmp_path), adopts=False).items == []
    assert state_writes(world) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"project": "HR"}, "filed in HR"),
        ({"issue_type": "Task"}, "It is a Task"),
        ({"assignee": None}, "assigned to nobody"),
        ({"assignee": Account("other", "Other")}, "assigned to Other"),
        ({"status_category": "done"}, "closed"),
    ],
)  # fmt: skip
def test_who_is_eligible(world, changes, words):
    from dataclasses import replace

    from selfheal.clock import SystemClock
    from selfheal.jsm.manager import JSMStateManager

    settings = config.load(environ=world.environ())
    manager = JSMStateManager.connect(settings, clock=SystemClock())
    (key,) = world.incidents
    incident = replace(manager.load(key), **changes)
    reason = why_not(incident, settings, manager.me())
    assert words in reason
    assert bool(reason) is bool(words)


def test_an_empty_queue_is_listed_without_crewai(tmp_path):
    """In a process of its own, as a job is."""
    with World(only=("jira",)) as world:
        code = (
            "import os, sys\nfrom selfheal.stages.dispatch import Dispatcher\nfrom selfheal.stages.listing import listing\n"
            "found = listing(Dispatcher(dict(os.environ), {}, print, own_key=False))\n"
            "assert found.document()['incidents'] == [], found\n"
            "print([name for name in sys.modules if name.partition('.')[0] in ('crewai', 'kubernetes', 'github')])"
        )
        environ = {**world.environ(), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.strip() == "[]", done.stderr


def test_an_empty_listing_says_so():
    assert Listing().document()["incidents"] == []
