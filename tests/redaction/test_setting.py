"""The setting that hides addresses of people reaches the redactor of the process."""

from __future__ import annotations

import pytest

from selfheal import config
from selfheal.redaction import Redactor
from selfheal.stages import runner


@pytest.mark.parametrize(("value", "hidden"), [("true", True), ("false", False)])
def test_addresses_are_hidden_where_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch, value: str, hidden: bool
) -> None:
    own = Redactor()
    monkeypatch.setattr(runner, "redactor", lambda: own)
    runner.keep_secrets(config.load(environ={"SELFHEAL_REDACTION_EMAILS": value}))
    assert ("jane" not in own.text("by jane@example.com")) is hidden
