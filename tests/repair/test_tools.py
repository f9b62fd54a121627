"""Renderers are kept from the environment, the network and endless work."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from selfheal.errors import ConfigurationProblem
from selfheal.repair import tools as module
from selfheal.repair.tools import RenderFailed, Tools


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
    if not module._isolation():
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
