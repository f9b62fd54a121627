"""What holds for any text: a second pass changes nothing, own secrets never survive, equal values stay recognisable."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from selfheal.redaction import Redactor
from selfheal.redaction.redactor import PLACEHOLDER, placeholder
from tests.redaction.test_corpus import TEXTS, TOKENS

PIECES = [
    "password", "token: ", "secret=", "Authorization: ", "Bearer ", "Basic ", "Cookie: ", "://", "@", ":", '"', "'", "\\", "=",
    "[redacted", "[redacted]", "[redacted:password-0a1b]", "]", "[", "hunter2hunter2", "\n", " ", "name: ", "value: ", "|\n  ",
    "--password ", "<password>", "</", "$(", "${", "@tcp(", "auth", "Key", "-----BEGIN PRIVATE KEY-----", "a@b.example.com",
    *(tokens[0] for tokens in TOKENS.values()), *(text for text, _ in TEXTS[::6]),
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=12).map("".join)
credentials = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40).filter(
    lambda text: text.strip() == text
)


@given(texts, st.booleans())
def test_a_second_pass_changes_nothing_more(text: str, emails: bool) -> None:
    clean = Redactor(emails=emails)
    once = clean.text(text)
    assert Redactor(emails=emails).text(once) == once


@given(credentials, st.integers(0, 2), texts, texts)
def test_an_own_secret_survives_in_no_form(secret: str, shift: int, before: str, after: str) -> None:
    clean = Redactor([secret])
    raw = secret.encode()
    whole = base64.b64encode(b"x" * shift + raw + b"yz").decode()
    # What base64 keeps of the secret alone, whatever stands around it.
    core = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")[(0, 2, 3)[shift] : -2]
    for form, left in (
        (secret, secret), (json.dumps(secret), json.dumps(secret)[1:-1]), (quote(secret, safe=""), quote(secret, safe="")),
        (quote_plus(secret), quote_plus(secret)), (html.escape(secret), html.escape(secret)), (raw.hex(), raw.hex()),
        (whole, core),
    ):  # fmt: skip
        shown = PLACEHOLDER.sub("", clean.text(before + form + after))
        if (
            left not in before + after
            and len(left) >= 8
            and not re.search(re.escape(left), PLACEHOLDER.sub("", before + after))
        ):
            assert left not in shown


@given(
    st.recursive(
        texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )
)
def test_data_keeps_its_shape_and_a_second_pass_changes_nothing(value: object) -> None:
    clean = Redactor()
    once = clean.data(value)
    assert clean.data(once) == once
    assert type(once) is type(value)


def test_equal_values_stay_recognisable_wherever_they_stand() -> None:
    shown = Redactor().text(
        "DB_PASSWORD=hunter2-horse\npostgres://app:hunter2-horse@db/x\nADMIN_PASSWORD=other-horse-9"
    )
    first, second, third = (found[0] for found in PLACEHOLDER.finditer(shown))
    assert first == second != third


def test_every_form_of_an_own_credential_is_shown_alike() -> None:
    secret = "own-Secret/with+odd=chars"
    shown = Redactor([secret]).text(
        f"{secret} {quote(secret, safe='')} {base64.b64encode(secret.encode()).decode()}"
    )
    assert len(set(PLACEHOLDER.findall(shown))) == 1
    assert placeholder("credential", secret) in shown


def test_a_placeholder_tells_the_kind_only() -> None:
    assert re.fullmatch(r"\[redacted:password-[0-9a-f]{4}\]", placeholder("password", "hunter2"))
    assert placeholder("password", "hunter2") != placeholder("password", "hunter3")


def test_addresses_of_people_go_where_that_is_asked_for() -> None:
    text = "Jane <jane.doe+x@mail.example.com> pushed git@github.com:acme/shop.git; image x/y@sha256:abc"
    assert Redactor().text(text) == text
    shown = Redactor(emails=True).text(text)
    assert "jane" not in shown
    assert "git@github.com:acme/shop.git; image x/y@sha256:abc" in shown
    later = Redactor()
    later.text(text)
    later.hide_emails()
    assert "jane" not in later.text(text)


def test_what_is_learnt_later_counts_for_texts_seen_before() -> None:
    clean = Redactor()
    assert clean.text("say open-sesame-now") == "say open-sesame-now"
    clean.add("open-sesame-now")
    assert "sesame" not in clean.text("say open-sesame-now")
