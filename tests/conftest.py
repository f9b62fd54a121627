"""Hermetic tests: no ambient credentials, no network but loopback, every test in a folder of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_AMBIENT = (
    "GITHUB_",
    "ATLASSIAN_",
    "OPENAI_",
    "SELFHEAL_",
    "KUBECONFIG",
    "KUBERNETES_",
    "CREWAI_",
    "GIT_",
    "RUNNER_",
    "ANTHROPIC_",
)


def _shared() -> Path | None:
    """Recordings and API descriptions to check against, where somebody has them beside the project."""
    named = os.environ.get("SELFHEAL_SHARED", "")
    folder = Path(named) if named else Path(__file__).resolve().parent.parent.parent / "shared"
    return folder if folder.is_dir() else None


SHARED = _shared()


@pytest.fixture
def shared() -> Path:
    """The folder with recordings and API descriptions; skips where there is none."""
    if SHARED is None:
        pytest.skip("no shared recordings here (set SELFHEAL_SHARED)")
    return SHARED


@pytest.fixture(autouse=True)
def _hermetic(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    if request.node.get_closest_marker("live"):
        yield
        return
    for name in list(os.environ):
        if name.startswith(_AMBIENT):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    yield


class NetworkClosed(AssertionError):
    """A test tried to leave this machine."""


_connect = socket.socket.connect


def _guarded(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        host = str(address[0])
        if not (host.startswith("127.") or host in ("::1", "localhost")):
            raise NetworkClosed(f"connection to {address!r}: tests may only reach loopback")
    _connect(self, address)


@pytest.fixture(autouse=True)
def _loopback_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.node.get_closest_marker("live"):
        monkeypatch.setattr(socket.socket, "connect", _guarded)
