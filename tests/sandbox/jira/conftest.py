"""A running site with a clock of its own, and the real client library on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from atlassian.jira import JiraCloud
from atlassian.jira.jira_cloud import JiraServiceManagement

from selfheal.sandbox.jira.app import JiraEmulator


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jira(clock: Clock) -> Iterator[JiraEmulator]:
    emulator = JiraEmulator(now=clock)
    with emulator:
        yield emulator


@pytest.fixture
def connect(jira: JiraEmulator) -> Iterator[Callable[..., Any]]:
    """``connect(login, service_desk=False, prefix="/ex/jira/cloud")``: the library's client for an account."""
    opened: list[Any] = []

    def _connect(
        login: str = "bot", *, service_desk: bool = False, prefix: str = "/ex/jira/cloud", **options: Any
    ) -> Any:
        kind = JiraServiceManagement if service_desk else JiraCloud
        options = options or {"token": jira.token(login)}
        client = kind(jira.url + prefix, timeout=5, **options)
        opened.append(client)
        return client

    yield _connect
    for client in opened:
        client.close()


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    return connect()


@pytest.fixture
def call(jira: JiraEmulator) -> Iterator[Callable[..., requests.Response]]:
    """``call(method, path, login="bot", **requests_options)`` without following redirects."""
    with requests.Session() as session:

        def _call(method: str, path: str, login: str = "bot", **options: Any) -> requests.Response:
            headers = {"Authorization": f"Bearer {jira.token(login)}"} if login else {}
            headers |= options.pop("headers", {})
            return session.request(
                method, jira.url + path, headers=headers, timeout=5, allow_redirects=False, **options
            )

        yield _call


@pytest.fixture
def found(call: Callable[..., requests.Response]) -> Callable[..., Any]:
    """``found(jql, login="bot", **body)``: keys, or the error text of a refusal."""

    def _found(jql: str, login: str = "bot", **body: Any) -> Any:
        answer = call(
            "POST", "/rest/api/3/search/jql", login, json={"jql": jql, "fields": ["summary"], **body}
        )
        if answer.status_code == 400:
            return answer.json()["errorMessages"][0]
        return [issue["key"] for issue in answer.json()["issues"]]

    return _found


def document(text: str) -> dict[str, Any]:
    """A comment or description of one paragraph."""
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


@pytest.fixture
def adf() -> Callable[[str], dict[str, Any]]:
    return document
