from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from selfheal.jsm.manager import JSMStateManager
from selfheal.sandbox.jira.app import JiraEmulator
from tests.jsm.support import FakeClock, settings_for, verifiers


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jira(clock: FakeClock) -> Iterator[JiraEmulator]:
    """An emulated site whose clock is the test's."""
    with JiraEmulator(now=clock.now) as site:
        yield site


@pytest.fixture
def connect(jira: JiraEmulator, clock: FakeClock) -> Callable[..., JSMStateManager]:
    """Another State Manager, as another process would have it. Keywords are settings."""

    def made(
        *, run_id: str = "run", clock_of: FakeClock = clock, overlay: Any = None, **over: Any
    ) -> JSMStateManager:
        settings = settings_for(jira.url, jira.token("bot"), **over)
        return JSMStateManager.connect(
            settings, clock=clock_of, run_id=run_id, verifiers=verifiers(), overlay=overlay
        )

    return made


@pytest.fixture
def manager(connect: Callable[..., JSMStateManager]) -> JSMStateManager:
    return connect()
