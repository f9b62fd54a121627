"""What is wrong around the crew: a clear message, the right exit code, the incident with a person where that fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfheal import cli
from selfheal.incidents.states import State
from selfheal.sandbox.emulator import InjectedFault

SUMMARY = {"summary": "Something is odd", "priority": "High", "assignee": "bot"}


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Runs a command in this process with these variables alone: exit code and all that was printed."""

    def called(environ, *arguments):
        folder = tmp_path / "shell"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        for name in environ:
            monkeypatch.delenv(name)
        captured = capsys.readouterr()
        return ended.value.code, captured.out + captured.err

    return called


def untouched(crew):
    """Nothing was begun."""
    return crew.record("INC-1") is None and crew.pulls() == [] and crew.branches() == ["main"]


# -- before anything begins ------------------------------------------------------------------------------------

WRONG = {
    "jira token": ({"ATLASSIAN_TOKEN": "not-a-token-of-this-site"}, 3, "ATLASSIAN_TOKEN"),
    "no jira token": ({"ATLASSIAN_TOKEN": ""}, 3, "ATLASSIAN_TOKEN"),
    "no jira address": ({"ATLASSIAN_API_URL": ""}, 3, "ATLASSIAN_CLOUD_ID"),
    "jira elsewhere": ({"ATLASSIAN_API_URL": "http://127.0.0.1:9"}, 1, "cannot be reached"),
    "github token": ({"SELFHEAL_GITHUB_TOKEN": "not-a-token-of-this-site"}, 3, "GITHUB_TOKEN"),
    "github elsewhere": ({"SELFHEAL_GITHUB_SERVER_URL": "http://127.0.0.1:9"}, 1, "127.0.0.1"),
    "log level": ({"SELFHEAL_LOG_LEVEL": "LOUD"}, 3, "log_level"),
    "plain http": ({"ATLASSIAN_API_URL": "http://jira.example"}, 3, "HTTP"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_a_run_that_cannot_begin(stage, command, case):
    changed, code, said = WRONG[case]
    crew = stage("cart-image-tag")
    environ = {name: value for name, value in {**crew.environ, **changed}.items() if value}
    got, text = command(environ, "run")
    assert got == code, text
    assert said in text
    assert "what to do:" in text
    assert "Traceback" not in text
    assert untouched(crew)


# -- the cluster -----------------------------------------------------------------------------------------------


def kubeconfig(crew, folder, **user):
    path = Path(crew.environ["SELFHEAL_KUBECONFIG"])
    document = json.loads(path.read_text())
    document["users"][0]["user"] = user
    changed = folder / "kubeconfig.json"
    changed.write_text(json.dumps(document))
    return str(changed)


def expired_certificate():
    """A client certificate that ran out yesterday, with its key, both as a kubeconfig holds them."""
    import base64
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "selfheal")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "client-certificate-data": base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode(),
        "client-key-data": base64.b64encode(pem).decode(),
    }


@pytest.mark.parametrize("case", ["exec", "expired", "token"])
def test_a_kubeconfig_that_gives_no_access(stage, tmp_path, case):
    crew = stage("cart-image-tag")
    ran = tmp_path / "ran"
    user = {
        "exec": {
            "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [str(ran)]}
        },
        "expired": expired_certificate(),
        "token": {"token": "sandbox-nobody"},
    }[case]
    crew.environ["SELFHEAL_KUBECONFIG"] = kubeconfig(crew, tmp_path, **user)
    crew.serve("coordinate", "INC-1")
    report = crew.serve("analyze", "INC-1")
    assert report.exit_code == 3, report.summary
    assert ("program (exec)" if case == "exec" else "401") in report.summary
    assert report.hint
    assert not ran.exists()
    assert crew.state("INC-1") in (State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS)
    assert crew.record("INC-1").claim is None
    assert not [one for one in crew.record("INC-1").failures if one.kind == "defect"]


def test_no_kubeconfig(stage):
    crew = stage("cart-image-tag")
    del crew.environ["SELFHEAL_KUBECONFIG"]
    crew.serve("coordinate", "INC-1")
    report = crew.serve("analyze", "INC-1")
    assert (report.exit_code, "KUBECONFIG" in report.hint) == (3, True), report
    assert crew.record("INC-1").attempt == 1


# -- what the incident is about --------------------------------------------------------------------------------


def with_a_person(crew, key, *said):
    assert crew.state(key) is State.INCIDENT_REQUIRES_HUMAN
    text = "\n".join(crew.comments(key))
    for part in said:
        assert part in text, text
    assert crew.pulls() == []
    assert crew.branches() == ["main"]
    # Handed to the group that is named for it, by way of one of its members or of nobody.
    assert crew.issue(key).fields["assignee"] != crew.world.jira.site.by_login("bot").id


def test_an_incident_that_names_nothing_known(stage):
    crew = stage("cart-image-tag")
    key = crew.world.jira.file_incident(**SUMMARY, description="The coffee machine is broken.")
    report = crew.heal(key)[-1]
    assert report.exit_code == 4
    with_a_person(crew, key, "names no service that is configured", "service:")


def pushed(crew, path, text):
    crew.world.github.push_as("mara", "main", {path: text}, repository="acme/shop")


def test_a_repository_without_the_manifest(stage):
    crew = stage("cart-image-tag")
    pushed(
        crew,
        ".selfheal.yml",
        crew.world.applications["shop"].files[".selfheal.yml"].decode().replace("path: deploy", "path: docs"),
    )
    report = crew.heal("INC-1")[-1]
    assert report.exit_code == 4, report.summary
    with_a_person(crew, "INC-1", "Root cause", "image-not-found")


def test_a_protected_path(stage):
    crew = stage("cart-image-tag", SELFHEAL_POLICY_PROTECTED_PATHS="deploy/**")
    report = crew.heal("INC-1")[-1]
    assert report.exit_code == 4
    with_a_person(crew, "INC-1", "Root cause", "deploy/cart/deployment.yaml")


# -- vendors that refuse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/git/blobs|/git/trees|/git/commits", "/git/refs", "/pulls$"])
def test_github_forbids(stage, path):
    crew = stage("cart-image-tag")
    crew.heal_until("INC-1", State.FIX_GENERATED)
    body = {"message": "Resource not accessible by integration"}
    fault = InjectedFault(path, "status", method="POST", times=0, status=403, body=body)
    crew.world.github.faults.append(fault)
    report = crew.serve("pr", "INC-1")
    assert report.exit_code == 3, report
    assert "403" in report.summary or "not accessible" in report.summary
    assert report.hint
    assert crew.state("INC-1") is State.FIX_GENERATED
    assert crew.pulls() == []
    # Once that is mended, the next run goes on where this one stopped.
    crew.world.github.faults.clear()
    crew.later()
    crew.heal("INC-1")
    assert crew.state("INC-1") is State.INCIDENT_RESOLVED
    assert len(crew.pulls()) == 1


def test_jira_has_retired_an_endpoint(stage, command):
    crew = stage("cart-image-tag")
    crew.world.jira.faults.append(InjectedFault("/search/jql", "status", times=0, status=410, body={}))
    code, text = command(crew.environ, "run")
    assert code == 1
    assert "410" in text
    assert "retired" in text
    assert untouched(crew)


def test_jira_limits_the_rate_for_a_moment(stage):
    crew = stage("cart-image-tag")
    crew.world.jira.faults.append(
        InjectedFault("/rest", "status", nth=12, times=2, status=429, headers={"Retry-After": "7"}, body={})
    )
    crew.heal("INC-1")
    assert crew.state("INC-1") is State.INCIDENT_RESOLVED
    assert not crew.record("INC-1").failures


def test_jiras_quota_is_used_up(stage):
    crew = stage("cart-image-tag")
    crew.heal_until("INC-1", State.ANALYSIS_COMPLETE)
    crew.world.jira.behaviour.quota_reason = "jira-quota-tenant-based"
    report = crew.serve("fix", "INC-1")
    assert str(report.outcome) == "postponed"
    assert "quota" in report.summary
    assert report.exit_code == 1
    crew.world.jira.behaviour.quota_reason = ""
    assert crew.state("INC-1") is State.ANALYSIS_COMPLETE
    crew.later(4000)
    crew.heal("INC-1")
    assert crew.state("INC-1") is State.INCIDENT_RESOLVED
    assert crew.record("INC-1").attempt == 1


def test_the_cluster_is_away_for_a_while(stage):
    crew = stage("cart-image-tag")
    crew.heal_until("INC-1", State.INCIDENT_DETECTED)
    crew.world.kubernetes.faults.append(InjectedFault("/api", "status", times=0, status=503, body={}))
    report = crew.serve("analyze", "INC-1")
    assert str(report.outcome) == "postponed"
    record = crew.record("INC-1")
    assert record.not_before is not None
    assert [failure.kind for failure in record.failures] == ["outage"]
    # Too early, nothing is tried.
    assert str(crew.serve("analyze", "INC-1").outcome) == "postponed"
    crew.world.kubernetes.faults.clear()
    crew.later(120)
    crew.heal("INC-1")
    assert crew.state("INC-1") is State.INCIDENT_RESOLVED
    assert crew.record("INC-1").attempt == 1


# -- defects of our own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["coordinate", "analyze", "fix", "gate", "pr", "deploy"])
def test_an_exception_that_nobody_thought_of(stage, monkeypatch, caplog, name):
    import importlib

    crew = stage("cart-image-tag")
    while crew.next_stage("INC-1") != name:
        crew.serve(crew.next_stage("INC-1"), "INC-1")
    before = crew.state("INC-1")
    module = importlib.import_module(f"selfheal.stages.{name}")
    secret = crew.environ["ATLASSIAN_TOKEN"]

    def broken(_work):
        raise ZeroDivisionError(f"nobody thought of this: {secret}")

    monkeypatch.setattr(module, "serve", broken)
    report = crew.serve(name, "INC-1")
    assert (str(report.outcome), report.exit_code) == ("failed", 1)
    assert "ZeroDivisionError" in report.summary
    assert "selfheal.log" in report.hint
    assert secret not in report.summary + report.hint
    assert any(entry.exc_info for entry in caplog.records)
    record = crew.record("INC-1")
    assert [(failure.kind, failure.stage) for failure in record.failures] == [("defect", name)]
    assert record.claim is None
    monkeypatch.undo()
    crew.later()
    crew.heal("INC-1")
    assert crew.state("INC-1") is State.INCIDENT_RESOLVED, before


def test_too_many_defects_are_told_to_a_person(stage, monkeypatch):
    crew = stage("cart-image-tag", SELFHEAL_LIMITS_DEFECTS="2")
    crew.heal_until("INC-1", State.ANALYSIS_COMPLETE)
    from selfheal.stages import fix

    monkeypatch.setattr(fix, "serve", lambda _work: 1 / 0)
    for _time in range(2):
        report = crew.serve("fix", "INC-1")
        crew.later()
    assert crew.state("INC-1") is State.INCIDENT_FAILED
    assert report.exit_code == 1
    assert any("ZeroDivisionError" in text for text in crew.comments("INC-1"))


# -- doctor ----------------------------------------------------------------------------------------------------


def test_doctor_finds_all_well(stage, command):
    crew = stage("cart-image-tag")
    code, text = command(crew.environ, "doctor", "--format", "json")
    checks = json.loads(text)["checks"]
    assert code == 0, text
    assert not [check for check in checks if check["result"] in ("missing", "failed")]
    assert {"jira", "github", "kubernetes", "model", "signing key"} <= {check["area"] for check in checks}


@pytest.mark.parametrize(
    ("variable", "value", "area"),
    [
        ("ATLASSIAN_TOKEN", "", "jira"),
        ("ATLASSIAN_TOKEN", "wrong-token-of-nobody", "jira"),
        ("SELFHEAL_GITHUB_TOKEN", "", "github"),
        ("SELFHEAL_GITHUB_TOKEN", "wrong-token-of-nobody", "github"),
        ("SELFHEAL_KUBECONFIG", "", "kubernetes"),
        ("SELFHEAL_KUBECONFIG", "/does/not/exist", "kubernetes"),
        ("SELFHEAL_SIGNING_KEY", "short", "signing key"),
    ],
)
def test_doctor_says_what_is_missing_and_how_to_mend_it(stage, command, variable, value, area):
    crew = stage()
    environ = {name: text for name, text in {**crew.environ, variable: value}.items() if text}
    code, text = command(environ, "doctor", "--format", "json")
    wrong = [check for check in json.loads(text)["checks"] if check["result"] in ("missing", "failed")]
    assert code == 3
    assert area in {check["area"] for check in wrong}
    assert all(check["fix"] for check in wrong)
    assert "wrong-token-of-nobody" not in text
