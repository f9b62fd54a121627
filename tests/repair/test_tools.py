"""Renderers are kept from the environment, the network and endless work."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from selfheal.errors import ConfigurationProblem
from selfheal.repair import isolation as isolating
from selfheal.repair import tools as module
from selfheal.repair.isolation import Isolation, isolation, remedy, tried
from selfheal.repair.tools import RenderFailed, Tools, located


def _program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_gets_an_empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_canary")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    tools = Tools(kubectl=_program(tmp_path / "kubectl", "env; cat"))
    text = tools.run("kubectl", [], tmp_path)
    assert "canary" not in text and "PROXY" not in text
    assert "KUBECONFIG=" in text and str(Path.home()) not in text


def test_a_program_has_no_network(tmp_path: Path) -> None:
    if not isolation().prefix:
        pytest.skip("this system gives no network namespaces")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        reached = threading.Event()
        server.settimeout(2)

        def listen() -> None:
            try:
                server.accept()[0].close()
                reached.set()
            except OSError:
                return

        thread = threading.Thread(target=listen)
        thread.start()
        port = server.getsockname()[1]
        body = f"exec /usr/bin/env bash -c 'echo > /dev/tcp/127.0.0.1/{port}'"
        with pytest.raises(RenderFailed):
            Tools(helm=_program(tmp_path / "helm", body)).run("helm", [], tmp_path)
        server.close()
        thread.join()
        assert not reached.is_set()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Isolation:
    found = Isolation((), "the system refuses a network namespace (unshare: write failed)")
    monkeypatch.setattr(module, "isolation", lambda: found)
    return found


def test_without_isolation_it_is_said(tmp_path: Path, refused: Isolation) -> None:
    tools = Tools(helm=_program(tmp_path / "helm", "echo rendered"))
    assert tools.caveat == "", "nothing was rendered yet"
    assert tools.run("helm", [], tmp_path).strip() == "rendered"
    assert tools.caveat == refused.caveat and "write failed" in tools.caveat


def test_why_there_is_no_isolation_is_told(tmp_path: Path) -> None:
    refusing = _program(tmp_path / "unshare", "echo 'unshare: write failed /proc/self/uid_map' >&2; exit 1")
    assert tried(refusing) == Isolation(
        (), "the system refuses a network namespace (unshare: write failed /proc/self/uid_map)"
    )
    assert "not installed" in tried(None).problem
    assert tried(_program(tmp_path / "willing", "exit 0")).prefix[0] == str(tmp_path / "willing")


def test_the_log_says_once_that_the_network_is_in_reach(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(isolating, "tried", lambda _program: Isolation((), "unshare is not installed"))
    isolation.cache_clear()
    try:
        for _time in range(2):
            assert not isolation().prefix
        assert [row.levelname for row in caplog.records] == ["WARNING"]
        assert "network in reach" in caplog.text
    finally:
        isolation.cache_clear()


@pytest.mark.parametrize(("name", "forbids", "allows"), isolating.SWITCHES)
def test_the_switch_that_forbids_it_is_named(tmp_path: Path, name: str, forbids: str, allows: str) -> None:
    switch = tmp_path / name.lstrip("/")
    switch.parent.mkdir(parents=True)
    switch.write_text(f"{forbids}\n")
    assert f"{switch.name}={allows}" in remedy(tmp_path)
    switch.write_text(f"{allows}\n")
    assert "sysctl" not in remedy(tmp_path)


def test_a_program_is_looked_for_where_it_is_named_beside_python_and_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("given", "beside", "path"):
        (tmp_path / folder).mkdir()
        _program(tmp_path / folder / "helm", "exit 0")
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "beside" / "python"))
    path = str(tmp_path / "path")
    assert located("helm", str(tmp_path / "given" / "helm"), path) == str(tmp_path / "given" / "helm")
    assert located("helm", "", path) == str(tmp_path / "beside" / "helm")
    (tmp_path / "beside" / "helm").unlink()
    assert located("helm", "", path) == str(tmp_path / "path" / "helm")
    assert located("helm", str(tmp_path / "nowhere"), path) == "", (
        "what is named and not there is not guessed"
    )
    assert located("helm", "", str(tmp_path)) == ""


def test_endless_work_and_endless_output_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    with pytest.raises(RenderFailed) as caught:
        Tools(helm=_program(tmp_path / "helm", "sleep 60 & sleep 60")).run("helm", [], tmp_path)
    assert "did not finish" in caught.value.message
    monkeypatch.setattr(module, "TIMEOUT", 20.0)
    monkeypatch.setattr(module, "OUTPUT", 4096)
    with pytest.raises(RenderFailed):
        Tools(helm=_program(tmp_path / "helm", "yes")).run("helm", [], tmp_path)


def test_a_complaint_is_told_without_secrets(tmp_path: Path) -> None:
    tools = Tools(helm=_program(tmp_path / "helm", "echo 'password: hunter2hunter2' >&2; exit 1"))
    with pytest.raises(RenderFailed) as caught:
        tools.run("helm", [], tmp_path)
    assert "hunter2" not in caught.value.message


def test_a_program_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationProblem) as caught:
        Tools(kubectl=str(tmp_path / "nothing")).find("kubectl")
    assert "SELFHEAL_KUBECTL" in caught.value.hint


def test_answers_are_remembered(tmp_path: Path) -> None:
    tools = Tools()
    calls = []
    for _ in range(3):
        tools.remember("a", lambda: calls.append(1) or "text")  # type: ignore[func-returns-value]
    assert len(calls) == 1
