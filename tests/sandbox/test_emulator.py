"""The base of the emulators, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from selfheal.sandbox.emulator import Emulator, json_response


class Counting(Emulator):
    """Counts its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.route("POST", "/things", self._add)
        self.route("GET", "/things", lambda _request: json_response({"count": self.count}))

    def _add(self, _request):
        self.count += 1
        return json_response({"count": self.count}, 201)


@pytest.fixture
def server() -> Iterator[Counting]:
    emulator = Counting()
    with emulator:
        yield emulator


def _break(server: Counting, **fault) -> None:
    requests.post(f"{server.url}/_sandbox/faults", json=fault, timeout=5).raise_for_status()


@pytest.mark.parametrize(("action", "effects"), [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_request_has_its_effect_or_not(server, action, effects):
    _break(server, match="/things", method="POST", action=action)
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/things", timeout=5)
    assert requests.get(f"{server.url}/things", timeout=5).json() == {"count": effects}
    assert requests.post(f"{server.url}/things", timeout=5).status_code == 201


def test_the_nth_request_answers_what_was_asked_for(server):
    _break(
        server,
        match="/things",
        nth=2,
        action="status",
        status=429,
        headers={"Retry-After": "7"},
        body={"m": 1},
    )
    first, second, third = (requests.post(f"{server.url}/things", timeout=5) for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [201, 429, 201]
    assert second.headers["Retry-After"] == "7"
    assert server.count == 2


def test_the_log_tells_effects_from_refusals(server):
    requests.post(f"{server.url}/things", timeout=5)
    requests.get(f"{server.url}/nothing", timeout=5)
    log = requests.get(f"{server.url}/_sandbox/requests", timeout=5).json()
    assert [(row["method"], row["status"], row["effect"]) for row in log] == [
        ("POST", 201, True),
        ("GET", 404, False),
    ]


def test_two_first_requests_at_once_are_both_served(server):
    answers: list[int] = []
    both = threading.Barrier(2, timeout=5)

    def ask() -> None:
        both.wait()
        answers.append(requests.get(f"{server.url}/things", timeout=5).status_code)

    for _ in range(5):
        server.route("GET", f"/more{len(answers)}", lambda _request: json_response({}))  # maps anew
        askers = [threading.Thread(target=ask) for _ in "ab"]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(10)
    assert answers == [200] * 10
