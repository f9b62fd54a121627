"""Stories: a whole incident through the real program, over the sandbox's servers."""

from __future__ import annotations

import pytest

from tests.stories.crew import staged


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/stories/" in item.path.as_posix():
            item.add_marker(pytest.mark.story)


@pytest.fixture
def stage(tmp_path):
    """Opens worlds with a crew in this process: ``stage("cart-image-tag", SELFHEAL_MODE="propose")``."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def opened(*scenarios, **options):
            folder = tmp_path / f"story-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(staged(folder, *scenarios, **options))

        yield opened
