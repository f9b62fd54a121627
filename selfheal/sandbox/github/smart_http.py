"""Clone, fetch and push over git's smart HTTP protocol, by git's own stateless services.

Reading a public repository takes no token; pushing takes one whose owner may write. The token comes as the password of
Basic credentials (GitHub ignores the user name) or as Bearer.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.github.hub import Hub
from selfheal.sandbox.github.protection import locked
from selfheal.sandbox.github.store import Repository, rank
from selfheal.sandbox.github.web import LOGIN

SERVICES = ("git-upload-pack", "git-receive-pack")
_NO_CACHE = {
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
}
View = Callable[..., Response]


def _plain(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status=status, headers=headers, content_type="text/plain; charset=utf-8")


class SmartHttp:
    """The three paths that git asks for, under the repository's web address."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def routes(self) -> tuple[tuple[str, str, View], ...]:
        """``(method, path, view)``."""
        return (
            ("GET", "/<owner>/<name>/info/refs", self.advertise),
            ("POST", "/<owner>/<name>/git-upload-pack", self.upload_pack),
            ("POST", "/<owner>/<name>/git-receive-pack", self.receive_pack),
        )

    def _admit(self, request: Request, owner: str, name: str, service: str) -> Repository | Response:
        login = request.environ.get(LOGIN, "")
        repository = self.hub.store.repository(f"{owner}/{name.removesuffix('.git')}")
        level = repository.permission(login) if repository is not None else "none"
        push = service == "git-receive-pack"
        needed = "write" if push else "read"
        if repository is not None and rank(level) >= rank(needed) and (login or not push):
            if push and repository.archived:
                return _plain("This repository was archived so it is read-only.", 403)
            if not self._app_may(login, needed):
                return _plain(f"Permission to {repository.full_name}.git denied to {login}.", 403)
            return repository
        if not login:
            return _plain("Repository not found.", 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
        if repository is None or level == "none":
            return _plain("Repository not found.", 404)
        return _plain(f"Permission to {repository.full_name}.git denied to {login}.", 403)

    def _app_may(self, login: str, needed: str) -> bool:
        if login != self.hub.bot or not self.hub.bot_is_app:
            return True
        return rank(self.hub.app_permissions.get("contents", "none")) >= rank(needed)

    def advertise(self, request: Request, owner: str, name: str) -> Response:
        """What refs there are."""
        service = request.args.get("service", "")
        if service not in SERVICES:
            return _plain("Please upgrade your git client.", 403)
        repository = self._admit(request, owner, name, service)
        if isinstance(repository, Response):
            return repository
        command = service.removeprefix("git-")
        out = repository.git.run(
            command,
            "--stateless-rpc",
            "--advertise-refs",
            str(repository.git.path),
            extra=self._extra(request),
        )
        line = f"# service={service}\n"
        body = f"{len(line) + 4:04x}{line}0000".encode() + out
        return Response(body, headers=_NO_CACHE, content_type=f"application/x-{service}-advertisement")

    def upload_pack(self, request: Request, owner: str, name: str) -> Response:
        """Send what a fetch or (shallow) clone asks for."""
        repository = self._admit(request, owner, name, "git-upload-pack")
        if isinstance(repository, Response):
            return repository
        return self._serve(repository, "git-upload-pack", request, self._extra(request))

    def receive_pack(self, request: Request, owner: str, name: str) -> Response:
        """Take a push, and let follow what follows from moved refs."""
        repository = self._admit(request, owner, name, "git-receive-pack")
        if isinstance(repository, Response):
            return repository
        login = request.environ.get(LOGIN, "")
        extra = self._extra(request)
        body = self._body(request)
        with self.hub.lock:
            extra["SANDBOX_PROTECTED_REFS"] = " ".join(sorted(locked(repository, login)))
            before = repository.git.refs()
            answer = self._serve(repository, "git-receive-pack", request, extra, body)
            after = repository.git.refs()
            moved = [
                (ref, before.get(ref, ""), after.get(ref, ""))
                for ref in sorted({*before, *after})
                if before.get(ref) != after.get(ref)
            ]
            self.hub.refs_changed(repository, moved, login)
        return answer

    def _serve(
        self,
        repository: Repository,
        service: str,
        request: Request,
        extra: dict[str, str],
        body: bytes | None = None,
    ) -> Response:
        data = self._body(request) if body is None else body
        command = service.removeprefix("git-")
        # A client that hangs up after a shallow request makes upload-pack end with an error; its output is still right.
        done = repository.git.attempt(
            command, "--stateless-rpc", str(repository.git.path), stdin=data, extra=extra
        )
        return Response(done.stdout, headers=_NO_CACHE, content_type=f"application/x-{service}-result")

    def _body(self, request: Request) -> bytes:
        data = request.get_data(cache=False)
        if request.headers.get("Content-Encoding") == "gzip":
            try:
                return gzip.decompress(data)
            except (OSError, EOFError, zlib.error):
                return b""
        return data

    def _extra(self, request: Request) -> dict[str, str]:
        protocol = request.headers.get("Git-Protocol", "")
        safe = all(character.isalnum() or character in "=:." for character in protocol)
        return {"GIT_PROTOCOL": protocol} if protocol and safe else {}
