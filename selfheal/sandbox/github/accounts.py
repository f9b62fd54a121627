"""Users, the caller's own account, collaborators and rate limits."""

from __future__ import annotations

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.github import shapes
from selfheal.sandbox.github.store import rank
from selfheal.sandbox.github.web import Call, Json, Refused, Routes, no_content, not_found

#: ``permission`` knows four words; the finer role stands in ``role_name``.
_COARSE = {"triage": "read", "maintain": "write"}


def me(call: Call) -> Response:
    account = call.account
    if call.is_app:
        raise Refused(403, "Resource not accessible by integration")
    return json_response(shapes.full_user(call, account, private=True))


def account(call: Call, login: str) -> Response:
    found = call.hub.store.account(login)
    if found is None:
        raise not_found()
    return json_response(shapes.full_user(call, found))


def graphql(call: Call) -> Response:
    """Only the question who calls, which is how an installation token learns its own name."""
    asked = str(call.body.get("query", ""))
    if "viewer" not in asked:
        return json_response({"errors": [{"message": "The sandbox answers only { viewer { login } }."}]})
    who = call.account
    viewer: Json = {
        "login": who.login,
        "databaseId": who.id,
        "id": shapes.node("User", who.id),
        "__typename": who.type,
    }
    return json_response({"data": {"viewer": viewer}})


def installation_repositories(call: Call) -> Response:
    account = call.account
    if not call.is_app:
        raise Refused(
            403, "You must authenticate with an installation access token in order to list repositories."
        )
    found = [
        repository
        for repository in call.hub.store.repositories.values()
        if rank(repository.permission(account.login)) >= rank("write")
    ]
    return call.page(found, lambda repository: shapes.repository(call, repository), key="repositories")


def collaborators(call: Call, owner: str, name: str) -> Response:
    repository = call.repository(owner, name)
    if rank(repository.permission(call.login)) < rank("write"):
        raise Refused(403, "Must have push access to view repository collaborators.")

    def shape(login: str) -> Json:
        level = repository.collaborators[login]
        user = shapes.user(call, login) or {}
        return {**user, "permissions": shapes.permissions(level), "role_name": level}

    people = [
        login
        for login in repository.collaborators
        if (found := call.hub.store.account(login)) is not None and found.type == "User"
    ]
    return call.page(people, shape)


def collaborator(call: Call, owner: str, name: str, login: str) -> Response:
    repository = call.repository(owner, name)
    if login.lower() not in {who.lower() for who in repository.collaborators}:
        raise not_found()
    return no_content()


def permission(call: Call, owner: str, name: str, login: str) -> Response:
    repository = call.repository(owner, name)
    account = call.hub.store.account(login)
    if account is None:
        raise Refused(404, f"{login} is not a user")
    level = repository.permission(account.login)
    user = shapes.user(call, account.login) or {}
    return json_response(
        {
            "permission": _COARSE.get(level, level),
            "role_name": level,
            "user": {**user, "permissions": shapes.permissions(level), "role_name": level},
        }
    )


def rate_limit(call: Call) -> Response:
    state = call.hub.limits.state(call.login)
    resources = {
        "core": state,
        "search": {**state, "limit": 30, "used": 0, "remaining": 30},
        "graphql": {**state, "used": 0, "remaining": state["limit"], "resource": "graphql"},
    }
    return json_response({"resources": resources, "rate": state})


ROUTES: Routes = (
    ("GET", "/user", me),
    ("GET", "/users/<login>", account),
    ("GET", "/installation/repositories", installation_repositories),
    ("POST", "/graphql", graphql),
    ("GET", "/rate_limit", rate_limit),
    ("GET", "/repos/<owner>/<name>/collaborators", collaborators),
    ("GET", "/repos/<owner>/<name>/collaborators/<login>", collaborator),
    ("GET", "/repos/<owner>/<name>/collaborators/<login>/permission", permission),
)
