"""What init writes, and that it never writes over a person."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from selfheal import config
from selfheal.cli.init import init
from selfheal.errors import UsageProblem
from selfheal.init import files
from selfheal.init.jira_rules import Site, assigned_rule, dead_man_rule, dispatch_rule, jql, rules

SITE = Site(repository="acme/shop", project="INC", escalation="on-call", bot="bot-id")


def run(folder, *more):
    done = CliRunner().invoke(
        init, ["--repository", "acme/shop", "--project", "INC", "--directory", str(folder), *more]
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.output


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "repository"
    found.mkdir()
    return found


def test_twice_is_the_same_as_once(folder):
    run(folder)
    once = tree(folder)
    said = run(folder)
    assert tree(folder) == once
    assert "gh secret set SELFHEAL_SIGNING_KEY" not in said


def test_the_settings_are_ones_that_the_program_takes(folder):
    run(folder)
    settings = config.load(file_text=(folder / files.SETTINGS).read_text(), environ={})
    assert settings.mode == "propose"
    assert settings.jira.project == "INC"


def test_the_signing_key_is_printed_and_written_nowhere(folder):
    said = run(folder)
    key = said.split("--body ")[1].split()[0]
    assert len(key) == 64
    assert not [path for path, data in tree(folder).items() if key.encode() in data]


def test_what_a_person_changed_stays_and_the_difference_is_shown(folder):
    run(folder)
    path = folder / files.SETTINGS
    path.write_text(path.read_text().replace("mode: propose", "mode: observe"))
    said = run(folder)
    assert "mode: observe" in path.read_text()
    assert "-mode: observe" in said
    assert "+mode: propose" in said


def test_what_nobody_changed_is_renewed(folder):
    run(folder)
    path = folder / files.WORKFLOW
    old = path.read_text() + "# an older version\n"
    path.write_text(old)
    written = json.loads((folder / files.WRITTEN).read_text())
    written["written by selfheal init"][files.WORKFLOW] = files._hash(old)
    (folder / files.WRITTEN).write_text(json.dumps(written))
    assert "-# an older version" in run(folder)
    assert "older version" not in path.read_text()


def test_a_file_that_was_there_before_is_a_persons(folder):
    (folder / files.SETTINGS).write_text("mode: heal\n")
    run(folder)
    run(folder)
    assert (folder / files.SETTINGS).read_text() == "mode: heal\n"


def test_a_broken_memory_makes_everything_a_persons(folder):
    run(folder)
    (folder / files.WRITTEN).write_text("not json")
    (folder / files.SETTINGS).write_text("mode: observe\n")
    run(folder)
    assert (folder / files.SETTINGS).read_text() == "mode: observe\n"


def test_diff_writes_nothing(folder):
    assert "+mode: propose" in run(folder, "--diff")
    assert tree(folder) == {}


def test_a_service_repository_names_its_operations_repository_and_has_no_rules(folder):
    run(folder, "--operations", "ops")
    document = YAML(typ="safe").load((folder / files.WORKFLOW).read_text())
    assert document["jobs"]["heal"]["with"]["operations-repository"] == "ops"
    assert not (folder / ".github/selfheal/jira-rules.json").exists()
    readme = (folder / ".github/selfheal/README.md").read_text()
    assert "jira-rules.json" not in readme
    assert "operations repository's (ops)" in readme
    assert "@@" not in b"".join(tree(folder).values()).decode()


def test_a_service_repository_begins_with_the_central_settings(folder):
    run(folder, "--operations", "acme/ops")
    text = (folder / files.SETTINGS).read_text()
    settings = config.load(file_text=text, environ={})
    assert settings.model_fields_set <= {"endpoints", "services"}
    assert settings.services == ()
    commented = "".join(
        line.removeprefix("# ")
        for line in text.splitlines(keepends=True)
        if re.match(r"# (  [a-z]|[a-z]+:)", line)
    )
    assert config.load(file_text=commented, environ={}).policy.max_lines == 30


@pytest.mark.parametrize("name", ["other/ops", "ops: x", "a/b/c", "ops\nmode: heal"])
def test_an_operations_repository_of_somebody_else_is_refused(name, folder):
    done = CliRunner().invoke(
        init,
        ["--repository", "acme/shop", "--project", "INC", "--directory", str(folder), "--operations", name],
    )
    assert isinstance(done.exception, UsageProblem)
    assert tree(folder) == {}


@pytest.mark.parametrize(
    "arguments",
    [["--project", "INC"], ["--repository", "acme/shop"], ["--repository", "x", "--project", "INC"]],
)
def test_what_cannot_be_known_is_asked_for(arguments, folder):
    done = CliRunner().invoke(init, [*arguments, "--directory", str(folder)])
    assert isinstance(done.exception, UsageProblem)
    assert "Write" in done.exception.hint


def test_the_repository_is_read_from_the_remote(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text('[remote "origin"]\n\turl = git@github.com:acme/cart.git\n')
    done = CliRunner().invoke(init, ["--project", "INC", "--directory", str(folder)])
    assert done.exit_code == 0
    assert "repos/acme/cart/dispatches" in (folder / ".github/selfheal/jira-rules.json").read_text()


@pytest.mark.parametrize("rule", [dispatch_rule(SITE), assigned_rule(SITE)], ids=["created", "assigned"])
def test_the_rule_sends_the_key_and_nothing_else(rule):
    condition = rule["components"][0]
    assert (condition["type"], condition["value"]) == ("jira.jql.condition", jql(SITE))
    action = rule["components"][-1]["value"]
    assert action["url"] == "https://api.github.com/repos/acme/shop/dispatches"
    sent = json.loads(action["customBody"].replace("{{issue.key}}", "INC-1"))
    assert sent == {"event_type": "jira-incident", "client_payload": {"incident": {"key": "INC-1"}}}
    assert action["sendIssue"] is False
    secured = {header["name"]: header["headerSecure"] for header in action["headers"]}
    assert secured["Authorization"] is True
    assert rule["state"] == "DISABLED"


def test_the_dead_mans_switch_gives_back_what_does_not_move():
    rule = dead_man_rule(SITE)
    assert 'assignee = "bot-id"' in rule["trigger"]["value"]["jql"]
    assert "updated <= -90m" in rule["trigger"]["value"]["jql"]
    # A rate, which the rule editor offers, is refused by the rule API.
    assert rule["trigger"]["value"]["schedule"] == {"method": "CRON", "cronExpression": "0 0/10 * * * ?"}
    assert rule["components"][0]["value"]["assignee"]["value"] == "on-call"
    assert rule["components"][1]["value"]["publicComment"] is False
    assert rule["state"] == "DISABLED"


def test_rules_are_known_by_names_of_their_own():
    assert len({rule["name"] for rule in rules(SITE)}) == len(rules(SITE)) == 3


def test_a_name_cannot_leave_its_quotes():
    with pytest.raises(UsageProblem):
        Site(repository="acme/shop", project="INC", bot='x" OR project != "INC')
    assert jql(SITE).count('"') == 6
