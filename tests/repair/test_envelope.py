"""The change set as bytes: canonical, bounded, and provable without git or rendering."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfheal.errors import ConfigurationProblem, Refused
from selfheal.repair import unified
from selfheal.repair.envelope import (
    Envelope,
    EnvelopeInvalid,
    apply,
    blob_sha,
    digest,
    pack,
    patch_file,
    unpack,
)
from selfheal.repair.signature import sign, verify_signature

BEFORE, AFTER = b"a\nb\nc\n", b"a\nB\nc\n"
ENVELOPE = Envelope("acme/shop", "OPS-1", 1, "1" * 40, (patch_file("app.yaml", "100644", BEFORE, AFTER),))
KEY = "k" * 32
SAID = {
    "repository": "acme/shop",
    "incident": "OPS-1",
    "attempt": 1,
    "base_sha": "1" * 40,
    "digest": "d" * 64,
}


def test_an_envelope_survives_the_journey() -> None:
    data = pack(ENVELOPE)
    assert unpack(data) == ENVELOPE
    assert apply(unpack(data), {"app.yaml": BEFORE}.get) == {"app.yaml": AFTER}
    assert len(digest(data)) == 64
    assert ENVELOPE.files[0].diff == "--- a/app.yaml\n+++ b/app.yaml\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"


def test_blobs_are_named_as_git_names_them() -> None:
    assert blob_sha(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert blob_sha(None) == ""


def test_a_file_that_changed_meanwhile_is_a_stale_base() -> None:
    with pytest.raises(EnvelopeInvalid) as caught:
        apply(ENVELOPE, {"app.yaml": b"other\n"}.get)
    assert caught.value.code == "stale-base"


def test_a_diff_that_does_not_lead_to_what_is_said_is_refused() -> None:
    file = replace(ENVELOPE.files[0], after="2" * 40)
    with pytest.raises(EnvelopeInvalid):
        apply(replace(ENVELOPE, files=(file,)), {"app.yaml": BEFORE}.get)


def _documents() -> dict[str, bytes]:
    def changed(**fields: object) -> bytes:
        document = json.loads(pack(ENVELOPE))
        document.update(fields)
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def without(name: str) -> bytes:
        document = json.loads(pack(ENVELOPE))
        del document[name]
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def of_file(**fields: object) -> bytes:
        return changed(files=[{**json.loads(pack(ENVELOPE))["files"][0], **fields}])

    file = json.loads(pack(ENVELOPE))["files"][0]
    return {
        "not JSON": b"{",
        "deeply nested": b"[" * 100_000,
        "too large": b" " * 600_000,
        "spaces": pack(ENVELOPE) + b" ",
        "another version": changed(version=2),
        "an unknown key": changed(more=1),
        "a missing key": without("attempt"),
        "files out of order": changed(files=[{**file, "path": "b"}, {**file, "path": "a"}]),
        "no file": changed(files=[]),
        "many files": changed(files=[{**file, "path": f"f{n:03}"} for n in range(60)]),
        "a file twice": changed(files=[file, file]),
        "a file twice in another case": changed(files=[{**file, "path": "App.yaml"}, file]),
        "an attempt that is none": changed(attempt=True),
        "a long name": changed(incident="X" * 400),
        "a base that is none": changed(base_sha="HEAD"),
        "a path that leaves": of_file(path="../x"),
        "a path into git": of_file(path=".git/hooks/pre-commit"),
        "a link": of_file(mode="120000"),
        "no change": of_file(after=file["before"]),
        "a number as diff": of_file(diff=1),
    }


@pytest.mark.parametrize("name", list(_documents()))
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        unpack(_documents()[name])


def test_a_well_formed_one_may_be_too_large_as_well() -> None:
    long = replace(ENVELOPE.files[0], diff="+x\n" * 200_000)
    with pytest.raises(EnvelopeInvalid, match="512000 are allowed"):
        pack(replace(ENVELOPE, files=(long,)))


def test_binary_files_are_refused() -> None:
    with pytest.raises(EnvelopeInvalid):
        patch_file("x", "100644", b"\xff\n", b"\xfe\n")


_LINES = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"\n", b"c\r\n", b"-- x\n", b"@@ -1 +1 @@\n", b"\\ x\n"]), max_size=12
)
_FILES = st.builds(lambda lines, end: b"".join(lines) + end, _LINES, st.sampled_from([b"", b"last", b"x\r"]))


@settings(max_examples=200, deadline=None)
@given(st.none() | _FILES, st.none() | _FILES)
def test_a_diff_leads_from_the_one_to_the_other_and_to_nothing_else(
    before: bytes | None, after: bytes | None
) -> None:
    patch = unified.diff("f", before, after)
    if before == after:
        assert patch == b""
        return
    assert unified.apply(patch, before) == after
    if before is not None:
        with pytest.raises(unified.PatchProblem):
            unified.apply(patch, None)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), _FILES)
def test_no_bytes_break_the_patch_reader(patch: bytes, before: bytes) -> None:
    try:
        unified.apply(b"--- a/f\n+++ b/f\n" + patch, before)
    except unified.PatchProblem:
        return


def test_git_itself_applies_the_diff(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import subprocess

    for before, after in (
        (b"a\nb\n", b"a\nc\n"),
        (b"a", b"b"),
        (b"a\r\nb\r\n", b"a\r\nx\r\n"),
        (b"a\n" * 30, b"a\n" * 31),
    ):
        (tmp_path / "f").write_bytes(before)
        patch = unified.diff("f", before, after)
        subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, input=patch, check=True)
        assert (tmp_path / "f").read_bytes() == after


def test_a_signature_holds_for_exactly_what_was_said() -> None:
    signature = sign(KEY, **SAID)
    assert verify_signature(KEY, signature, **SAID)
    for name, other in (("repository", "acme/other"), ("incident", "OPS-2"), ("attempt", 2), ("base_sha", "2" * 40),
                        ("digest", "e" * 64)):  # fmt: skip
        assert not verify_signature(KEY, signature, **{**SAID, name: other})
    assert not verify_signature("x" * 32, signature, **SAID)
    assert not verify_signature("", signature, **SAID)
    assert not verify_signature(KEY, "ü", **SAID)


def test_a_key_that_is_missing_or_short_signs_nothing() -> None:
    with pytest.raises(ConfigurationProblem):
        sign("short", **SAID)
