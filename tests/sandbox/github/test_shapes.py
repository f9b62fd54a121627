"""Answers have the shapes that GitHub publishes.

``SELFHEAL_GITHUB_OPENAPI`` names ``generated/api.github.com.json`` of the npm package ``@octokit/openapi``
(``npm pack @octokit/openapi``, unpack); without it only the tour itself is checked.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from werkzeug.routing import Map, Rule

from tests.sandbox.github.openapi import Description
from tests.sandbox.github.tour import tour

# Read at import: tests run without any SELFHEAL_ variable.
DESCRIPTION = os.environ.get("SELFHEAL_GITHUB_OPENAPI", "")
#: PyGithub calls these and GitHub serves them, but its description does not name them.
UNPUBLISHED = ("/graphql", "/repositories/", "/git/refs", "/contents", "/statuses/")


def test_the_tour_calls_every_route(server):
    answers = tour(server)
    routes = [
        Rule(path, endpoint=f"{method} {path}", methods=[method])
        for method, _, path in (line.partition(" ") for line in server.coverage())
    ]
    paths = Map(routes).bind("sandbox")
    called = {paths.match(answer.path, answer.method)[0] for answer in answers}
    elsewhere = ("git-", "info/refs", "/api/graphql", "/<name>/pull/", "/<name>/commit/<")
    smart = {line for line in server.coverage() if any(part in line for part in elsewhere)}
    assert set(server.coverage()) - called - smart == set()


def test_answers_match_the_published_description(server):
    if not DESCRIPTION:
        pytest.skip("SELFHEAL_GITHUB_OPENAPI does not name GitHub's description (see this file's docstring)")
    description = Description(Path(DESCRIPTION))
    problems = []
    for answer in tour(server):
        published = description.operation(answer.method, answer.path) is not None
        if published or not any(part in answer.path for part in UNPUBLISHED):
            problems += description.problems(answer.method, answer.path, answer.status, answer.body)
    assert problems == []
