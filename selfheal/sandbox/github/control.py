"""The control endpoints of :mod:`.people`, for a sandbox that runs in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github.web import Refused

if TYPE_CHECKING:
    from selfheal.sandbox.github.app import GitHubEmulator

Act = Callable[..., Any]


class Control:
    """Turns ``POST /_sandbox/<act>`` with a JSON object into a call of the emulator's Python API."""

    def __init__(self, emulator: GitHubEmulator) -> None:
        self.emulator = emulator

    def register(self) -> None:
        """Add the routes."""
        acts: dict[str, Act] = {
            "repositories": self._repository,
            "people": self._person,
            "reviews": self._review,
            "comments": self._comment,
            "close": self._close,
            "reopen": self._reopen,
            "merge": self._merge,
            "push": self._push,
            "checks": self._checks,
            "ci": self._ci,
            "auto-approve": self._auto_approve,
            "protection": self._protection,
            "limits": self._limits,
        }
        for name, act in acts.items():
            self.emulator.route("POST", f"/_sandbox/{name}", self._serve(act))
        self.emulator.route("GET", "/_sandbox/activity", self._activity)
        self.emulator.route("GET", "/_sandbox/dispatches", self._dispatches)

    def _serve(self, act: Act) -> Callable[[Request], Response]:
        def view(request: Request) -> Response:
            try:
                return json_response(act(**json.loads(request.get_data() or b"{}")) or {})
            except Refused as refused:
                return refused.response()
            except LookupError as error:
                return json_response({"message": str(error)}, 404)
            except (TypeError, ValueError) as error:
                return json_response({"message": f"sandbox: {error}"}, 400)

        return view

    def _repository(self, name: str, files: dict[str, str], **settings: Any) -> dict[str, Any]:
        self.emulator.add_repository(name, files, **settings)
        return {"repository": name}

    def _person(self, login: str, repository: str = "", permission: str = "write") -> dict[str, Any]:
        return {"token": self.emulator.add_person(login, repository, permission)}

    def _review(self, repository: str, number: int, login: str, event: str, body: str = "") -> dict[str, Any]:
        return {"id": self.emulator.review(repository, number, login, event, body)}

    def _comment(self, repository: str, number: int, login: str, body: str) -> dict[str, Any]:
        return {"id": self.emulator.comment(repository, number, login, body)}

    def _close(self, repository: str, number: int, login: str) -> None:
        self.emulator.close(repository, number, login)

    def _reopen(self, repository: str, number: int, login: str) -> None:
        self.emulator.reopen(repository, number, login)

    def _merge(self, repository: str, number: int, login: str, method: str = "merge") -> dict[str, Any]:
        return {"sha": self.emulator.merge_as(login, repository, number, method=method)}

    def _push(
        self,
        repository: str,
        login: str,
        branch: str,
        files: dict[str, str | None],
        message: str = "Change by hand",
    ) -> dict[str, Any]:
        return {"sha": self.emulator.push_as(login, branch, files, repository=repository, message=message)}

    def _checks(self, repository: str, sha: str, conclusion: str, name: str = "ci") -> None:
        self.emulator.set_checks(repository, sha, conclusion, name)

    def _ci(self, conclusion: str | None, name: str = "ci", delay: float = 0.0, repository: str = "") -> None:
        self.emulator.set_ci(conclusion, name=name, delay=delay, repository=repository)

    def _auto_approve(self, login: str, after_seconds: float = 0.0, repository: str = "") -> None:
        self.emulator.auto_approve(login, after_seconds, repository=repository)

    def _protection(self, repository: str, branch: str, **rules: Any) -> None:
        self.emulator.protect(repository, branch, **rules)

    def _limits(
        self, limit: int | None = None, secondary: int = 0, status: int = 403, retry_after: int | None = 60
    ) -> None:
        limits = self.emulator.hub.limits
        if limit is not None:
            limits.limit = limit
        limits.secondary(secondary, status=status, retry_after=retry_after)

    def _activity(self, _request: Request) -> Response:
        return json_response(self.emulator.hub.store.activity)

    def _dispatches(self, request: Request) -> Response:
        found = self.emulator.hub.store.repository(request.args.get("repository", ""))
        return json_response(found.dispatches if found is not None else [])
