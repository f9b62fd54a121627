"""Virtual time shared by several threads, and a site whose every request takes as long as the test says.

A thread runs until it sleeps; time moves on when all of them sleep. So a race is played exactly as drawn, in no time.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from selfheal.jsm.site import ConditionalSetUnsupported

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Timeline:
    """The clock of all threads started by `run`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._now = 0.0
        self._asleep: dict[int, float] = {}
        self._alive = 0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._changed:
            wake = self._now + max(seconds, 1e-6)
            self._asleep[me] = wake
            self._move_on()
            self._changed.wait_for(lambda: self._now >= wake)
            del self._asleep[me]

    def run(self, jobs: list[Callable[[], Any]]) -> list[Any]:
        """Runs all jobs side by side; answers what each returned or raised."""
        results: list[Any] = [None] * len(jobs)
        self._alive = len(jobs)

        def one(number: int) -> None:
            try:
                results[number] = jobs[number]()
            except Exception as error:  # noqa: BLE001 - the test judges it
                results[number] = error
            finally:
                with self._changed:
                    self._alive -= 1
                    self._move_on()

        threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(len(jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert self._alive == 0, "a thread hangs"
        return results

    def _move_on(self) -> None:
        due = [wake for wake in self._asleep.values() if wake > self._now]
        if due and len(due) >= self._alive:
            self._now = min(due)
        self._changed.notify_all()


class Store:
    """One issue's record, read and written at single instants."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.lock = threading.Lock()
        self.tasks = 0


class SlowSite:
    """What `Claims` asks of a site. ``delays`` gives the seconds before and after the effect of each request in turn."""

    services_field = ""

    def __init__(self, store: Store, clock: Timeline, mode: str, delays: list[float]) -> None:
        self.store, self.clock, self.mode = store, clock, mode
        self._delays = delays or [0.0]
        self._used = 0
        self.transport = SimpleNamespace(server_now=clock.now, url="http://jira")

    def _pass(self) -> None:
        self.clock.sleep(self._delays[self._used % len(self._delays)])
        self._used += 1

    def issue(self, key: str) -> dict[str, Any]:
        self._pass()
        with self.store.lock:
            value = copy.deepcopy(self.store.value)
        self._pass()
        properties = {} if value is None else {"selfheal": value}
        return {"id": "1", "key": key, "fields": {"labels": []}, "properties": properties}

    def set_if(self, key: str, issue_id: int, name: str, value: Any, *, expected: Any = None) -> str:
        if self.mode == "off":
            raise ConditionalSetUnsupported("off")
        self._pass()
        with self.store.lock:
            matches = self.store.value == expected
            if matches and self.mode == "atomic":
                self.store.value = copy.deepcopy(value)
        if matches and self.mode == "window":
            # The check was passed; the write comes later.
            self._pass()
            with self.store.lock:
                self.store.value = copy.deepcopy(value)
        self._pass()
        return "1"

    def task_finished(self, task: str) -> bool:
        return True

    def set_property(self, key: str, name: str, value: Any, *, before_each: Any = None) -> None:
        self._pass()
        with self.store.lock:
            self.store.value = copy.deepcopy(value)
        self._pass()
