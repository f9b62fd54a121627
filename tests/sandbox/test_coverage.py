"""The page of what is covered is what is served."""

from __future__ import annotations

from pathlib import Path

from selfheal.sandbox.coverage import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox-coverage.md"


def test_the_committed_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m selfheal.sandbox.coverage docs/sandbox-coverage.md"
    )
