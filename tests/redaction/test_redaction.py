"""Secrets never survive a sink, in any form; ordinary Kubernetes text does."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.redaction import Redactor, adf_text, fence, html, markdown, register, terminal, workflow_command

OWN = "own-Secret/with+odd=chars&more"
SINKS = [
    terminal,
    markdown,
    html,
    workflow_command,
    lambda text: adf_text(text)["text"],
    lambda text: fence(text, 10_000),
]
SECRETS = [
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "11ABCDEFG0" * 4,
    "AKIA" + "IOSFODNN7EXAMPLE",
    "xoxb-" + "123456789012-abcdefghij",
    "sk-" + "proj-abcdefghijklmnop1234",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("secret", SECRETS)
def test_known_formats_are_replaced_in_every_sink(sink, secret):
    assert secret not in sink(f"log line with {secret} inside")


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize(
    "form",
    [
        OWN,
        quote(OWN, safe=""),
        *(base64.b64encode(b"x" * n + OWN.encode() + b"tail").decode() for n in range(3)),
    ],
)
def test_our_own_credentials_are_replaced_in_every_form(sink, form):
    register(OWN)
    shown = sink(f"value {form} end")
    assert OWN not in shown
    for start in range(12):
        piece = base64.b64encode(OWN.encode()).decode()[start : start + 20]
        assert piece not in shown


@pytest.mark.parametrize(
    "text",
    [
        "postgres://app:hunter2pass@db:5432/shop",
        "DB_PASSWORD=hunter2pass",
        '{"api_key": "hunter2pass"}',
        "Authorization: Basic aHVudGVyMnBhc3M=",
    ],
)
def test_values_are_replaced_by_their_name(text):
    shown = Redactor().text(text)
    assert "hunter2pass" not in shown
    assert "aHVudGVyMnBhc3M" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "quay.io/shop/cart@sha256:efe5b2882fc655b89caa7b849402db15d0fc572d175ac0a5591c03b4c3fe8729",
        "thumbnailer-6f9fbcd54c-d7zc5 in media",
        "commit 8399440f2a7c1e5d4b3a29180716f5e4d3c2b1a0",
        "uid e413eb39-cee0-4429-aa07-0b7cd0fd80e5",
        "couldn't find key CURRENCY in ConfigMap billing/billing-config",
    ],
)
def test_ordinary_text_stays_readable(text):
    assert Redactor().text(text) == text


def test_a_terminal_gets_no_escape_sequence():
    assert terminal("\x1b]0;title\x07\x1b[31mred\x1b[0m \u202eabc") == "red abc"


def test_markdown_entities_and_bare_hosts_become_nothing_that_works():
    """GitHub decodes entities before it looks for mentions and references, and links what begins with www."""
    shown = markdown("&commat;team closes &num;12 &#64;team &lt;b&gt; WWW.evil.example")
    assert "&" not in shown.replace("\\&", "")
    assert "WWW." not in shown and "evil.example" in shown


def test_markdown_mentions_and_links_do_not_work():
    shown = markdown("@team fixes #12 [x](http://evil) <img src=x> GH-5")
    assert "@team" not in shown
    assert "#12" not in shown
    assert "GH-5" not in shown
    assert "](" not in shown
    assert "<img" not in shown.replace("\\<", "")


def test_workflow_commands_stay_one_line():
    assert "\n" not in workflow_command("a\n::set-output name=x::y")
    assert "::" not in workflow_command("a\n::set-output name=x::y")


@given(st.text())
def test_redacting_twice_changes_nothing_more(text):
    once = Redactor([OWN]).text(text)
    assert Redactor([OWN]).text(once) == once


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_own_secret_never_survives(before, after):
    assert OWN not in Redactor([OWN]).text(before + OWN + after)


@pytest.mark.parametrize(
    ("field", "value", "hidden"),
    [
        ("/spec/template/spec/containers/name=app/env/name=DB_PASSWORD/value", "hunter2xyz", True),
        ("/data/api-token", "hunter2xyz", True),
        ("/spec/template/spec/containers/name=app/env/name=WORKERS/value", "4", False),
        ("/spec/template/spec/containers/name=app/env/name=DB_PASSWORD/valueFrom/secretKeyRef/key", "password", False),
        ("/spec/tls/0/secretName", "tls-shop", False),
        ("/spec/replicas", 3, False),
        ("", "hunter2xyz", False),
    ],
)  # fmt: skip
def test_a_field_that_is_shown_alone_is_told_by_its_place(field, value, hidden) -> None:
    shown = Redactor().cited(field, value)
    assert ("[redacted" in str(shown)) is hidden
    assert hidden or shown == value
