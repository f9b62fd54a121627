"""The GitHub server: real bare repositories behind REST and smart HTTP, and people who can be made to act.

The API answers at the root (``GITHUB_API_URL=http://127.0.0.1:PORT``) and under ``/api/v3``, as GitHub Enterprise
Server has it; addresses in answers lead back to wherever the call came in. Repositories are cloned from
``http://127.0.0.1:PORT/owner/name.git``.

The bot (``emulator.bot``, ``emulator.bot_token``) is an app's installation: its rights are ``hub.app_permissions``, its
``GET /user`` is refused as GitHub refuses it, and commits it makes without naming an author are signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import Emulator, Handler
from selfheal.sandbox.github import (
    accounts,
    actions,
    checks,
    contents,
    gitdata,
    issues,
    pages,
    protection,
    pulls,
    repositories,
    reviews,
)
from selfheal.sandbox.github.automation import Automation, Outcome
from selfheal.sandbox.github.control import Control
from selfheal.sandbox.github.hub import HistoryEntry, Hub
from selfheal.sandbox.github.people import People
from selfheal.sandbox.github.repos import GitFailed
from selfheal.sandbox.github.smart_http import SmartHttp
from selfheal.sandbox.github.store import Protection
from selfheal.sandbox.github.timing import Clock
from selfheal.sandbox.github.web import LOGIN, Call, Refused, View, not_found

PREFIX = "/api/v3"
GROUPS = (accounts, repositories, protection, gitdata, contents, issues, pulls, reviews, checks, actions)
#: What one call may carry: a push of a demo repository is far below it.
BODY_LIMIT = 256 * 1024 * 1024


class GitHubEmulator(Emulator):
    """GitHub on loopback. ``root`` holds the bare repositories; ``ci`` builds every new head (see :meth:`set_ci`)."""

    name = "github"

    def __init__(
        self, root: Path, *, clock: Clock | None = None, ci: Outcome | None = None, ci_delay: float = 0.0
    ) -> None:
        super().__init__()
        self.hub = Hub(Path(root), self.lock, clock)
        self.automation = Automation(self.hub)
        self.people = People(self.hub)
        self._ci = (ci, ci_delay)
        self.set_ci(ci, delay=ci_delay)
        for group in GROUPS:
            for method, path, view in group.ROUTES:
                self.route(method, path, self._rest(view))
        self.route("POST", "/api/graphql", self._rest(accounts.graphql))
        for method, path, page in pages.ROUTES:
            self.route(method, path, self._rest(page))
        for method, path, serve in SmartHttp(self.hub).routes():
            self.route(method, path, serve)
        Control(self).register()

    # -- serving ---------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            environ = {**environ, "SCRIPT_NAME": PREFIX, "PATH_INFO": path.removeprefix(PREFIX) or "/"}
        return super().__call__(environ, start_response)

    def authenticate(self, request: Request) -> Response | str:
        """``token T``, ``Bearer T``, or Basic with the token as password; nobody without the header."""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return ""
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                value = ""
        login = self.hub.store.tokens.get(value.strip())
        if login is None:
            if _is_git(request):
                headers = {"WWW-Authenticate": 'Basic realm="GitHub"'}
                return Response("Invalid username or token.", 401, headers, content_type="text/plain")
            return self._decorated(Refused(401, "Bad credentials").response(), "")
        request.environ[LOGIN] = login
        return login

    def limit(self, request: Request, who: str) -> Response | None:
        """Rate limits hold for the API; git itself and ``/rate_limit`` are free."""
        if _is_git(request) or request.path == "/rate_limit":
            return None
        with self.lock:
            refused = self.hub.limits.refusal(who, request.method)
        return None if refused is None else self._decorated(refused, who)

    def changes(self, request: Request) -> bool:
        """A fetch and a GraphQL query are POSTs that only ask."""
        return super().changes(request) and not request.path.endswith(("/git-upload-pack", "/graphql"))

    def not_found(self, request: Request) -> Response:
        """GitHub's 404, also for a path that the sandbox does not know."""
        return self._decorated(not_found().response(), request.environ.get(LOGIN, ""))

    def _rest(self, view: View) -> Handler:
        def serve(request: Request, **arguments: Any) -> Response:
            request.max_content_length = BODY_LIMIT
            call = Call(self.hub, request)
            with self.lock:
                self.hub.agenda.settle()
                try:
                    response = view(call, **arguments)
                except Refused as refused:
                    response = refused.response()
                except GitFailed as error:
                    response = Refused(500, f"sandbox: {error}").response()
                return self._decorated(self._conditional(request, response, call.login), call.login)

        return serve

    def _conditional(self, request: Request, response: Response, login: str) -> Response:
        """An ETag, and 304 (which costs no rate) for who has that answer already."""
        if request.method != "GET" or response.status_code != 200:
            return response
        tag = f'W/"{hashlib.sha256(login.encode() + response.get_data()).hexdigest()}"'
        if tag in (part.strip() for part in request.headers.get("If-None-Match", "").split(",")):
            self.hub.limits.count(login, -1)
            return Response(status=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
        return response

    def _decorated(self, response: Response, login: str) -> Response:
        with self.lock:
            headers = self.hub.limits.headers(login)
        headers |= {
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": uuid.uuid4().hex[:20].upper(),
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    def reset(self) -> None:
        """Forget all repositories, people and switches; the bot and its token stay."""
        with self.lock:
            super().reset()
            self.hub.clear()
            self.automation.clear()
            ci, delay = self._ci
            self.set_ci(ci, delay=delay)

    # -- the Python API --------------------------------------------------------------------------------------

    @property
    def bot(self) -> str:
        """The login of the bot."""
        return self.hub.bot

    @property
    def bot_token(self) -> str:
        """The token that the bot's calls carry."""
        return self.hub.bot_token

    def add_repository(
        self,
        full_name: str,
        files: Mapping[str, bytes | str],
        *,
        history: Sequence[HistoryEntry] = (),
        default_branch: str = "main",
        private: bool = False,
        description: str | None = None,
    ) -> None:
        """Make ``owner/name``: ``files`` as first commit, then ``history``, oldest first.

        An entry of ``history`` is ``(message, files, author, date)``: only the files that commit writes (None removes
        one), ``Name <email>`` or a login, an aware datetime. Without ``files`` the history is all there is. The bot
        may write to it. Raises ValueError for a name that is taken or none.
        """
        with self.lock:
            self.hub.add_repository(
                full_name,
                files,
                history=history,
                default_branch=default_branch,
                private=private,
                description=description,
            )

    def bare(self, repository: str) -> Path:
        """The folder of the bare repository. Raises LookupError."""
        found = self.hub.store.repository(repository)
        if found is None:
            raise LookupError(f"the sandbox has no repository {repository}")
        return found.git.path

    def clone_url(self, repository: str) -> str:
        """Where git clones it from."""
        return f"{self.url}/{repository}.git"

    def head(self, repository: str, branch: str = "main") -> str:
        """SHA of a branch's head, or ``""``."""
        found = self.hub.store.repository(repository)
        return found.git.branch(branch) if found is not None else ""

    def add_person(self, login: str, repository: str = "", permission: str = "write") -> str:
        """Make a person known (``none``, ``read``, ``triage``, ``write``, ``maintain``, ``admin``); a token of theirs."""
        with self.lock:
            return self.people.add_person(login, repository, permission)

    def fork(self, repository: str, login: str) -> str:
        """A person's copy; its ``owner/name``."""
        with self.lock:
            found = self.hub.store.repository(repository)
            if found is None:
                raise LookupError(f"the sandbox has no repository {repository}")
            return self.hub.fork(found, login).full_name

    def review(
        self, repository: str, number: int, login: str, event: str, body: str = "", commit: str = ""
    ) -> int:
        """A person's review (``APPROVE``, ``REQUEST_CHANGES``, ``COMMENT``) of the head or ``commit``; its id.

        Here and below, a login seen for the first time becomes a person who may write to that repository. Raises
        LookupError for what is not there, ``Refused`` where GitHub refuses.
        """
        with self.lock:
            self.hub.agenda.settle()
            return self.people.review(repository, number, login, event, body, commit).id

    def approve(self, repository: str, number: int, login: str, body: str = "") -> int:
        """A person approves; the review's id."""
        return self.review(repository, number, login, "APPROVE", body)

    def request_changes(
        self, repository: str, number: int, login: str, body: str = "Please change this."
    ) -> int:
        """A person asks for changes; the review's id."""
        return self.review(repository, number, login, "REQUEST_CHANGES", body)

    def comment(self, repository: str, number: int, login: str, body: str) -> int:
        """A person comments on a pull request or issue; the comment's id."""
        with self.lock:
            return self.people.comment(repository, number, login, body).id

    def close(self, repository: str, number: int, login: str) -> None:
        """A person closes it without merging."""
        with self.lock:
            self.hub.agenda.settle()
            self.people.close(repository, number, login)

    def reopen(self, repository: str, number: int, login: str) -> None:
        """A person opens it again."""
        with self.lock:
            self.people.reopen(repository, number, login)

    def merge_as(self, login: str, repository: str, number: int, *, method: str = "merge") -> str:
        """A person merges; the SHA of the base then."""
        with self.lock:
            self.hub.agenda.settle()
            return self.people.merge(repository, number, login, method)

    def push_as(
        self,
        login: str,
        branch: str,
        files: Mapping[str, bytes | str | None],
        *,
        repository: str = "",
        message: str = "Change by hand",
    ) -> str:
        """A person commits to a branch (None removes a file); the new head. One repository needs no naming."""
        with self.lock:
            return self.people.push(repository or self._only(), login, branch, files, message)

    def _only(self) -> str:
        names = [found.full_name for found in self.hub.store.repositories.values()]
        if len(names) != 1:
            raise LookupError(f"name the repository: the sandbox has {len(names)}")
        return names[0]

    def set_checks(self, repository: str, sha: str, conclusion: str, name: str = "ci") -> None:
        """A check run on a commit: ``success``, ``failure``, …, or ``pending``."""
        with self.lock:
            self.people.set_checks(repository, sha, conclusion, name)

    def set_status(self, repository: str, sha: str, state: str, context: str = "default") -> None:
        """A commit status, the older kind of check."""
        with self.lock:
            self.people.set_status(repository, sha, state, context)

    def protect(self, repository: str, branch: str = "main", **rules: Any) -> Protection:
        """Protect a branch: ``approvals``, ``checks``, ``strict``, ``dismiss_stale``, ``enforce_admins``, …"""
        with self.lock:
            return self.people.protect(repository, branch, **rules)

    def set_ci(
        self, outcome: Outcome | None, *, name: str = "ci", delay: float = 0.0, repository: str = ""
    ) -> None:
        """Build every new head: a conclusion, or ``(owner/name, sha) -> conclusion``; None switches it off.

        The function runs under the server's lock: it may read the bare repository, and must not call the server.
        """
        with self.lock:
            self.automation.build(outcome, name=name, delay=delay, repository=repository)

    def auto_approve(self, login: str, after_seconds: float = 0.0, *, repository: str = "") -> None:
        """A simulated reviewer, who says so in the review, approves each pull request's head after some time."""
        with self.lock:
            self.automation.approve(login, after_seconds, repository)


def _is_git(request: Request) -> bool:
    services = ("/info/refs", "/git-upload-pack", "/git-receive-pack")
    return request.path.endswith(services) and not request.path.startswith("/repos/")
