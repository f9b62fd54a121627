"""A record that was edited after the gate: the signature is genuine, and good for nothing else."""

from __future__ import annotations

import pytest

from selfheal.errors import Refused
from selfheal.incidents.record import PatchPointer, Source
from selfheal.pulls.errors import NotReady
from selfheal.repair import envelope
from selfheal.repair.signature import sign
from tests.pulls.conftest import AFTER, KEY, REPOSITORY, SECRET


def changed(record, **update):
    return record.model_copy(update={"change": record.change.model_copy(update=update)})


@pytest.mark.parametrize(
    "edit",
    [
        lambda record: changed(record, base_sha="0" * 40),
        lambda record: changed(record, free=True),
        lambda record: changed(record, signature=record.change.signature.upper()),
        lambda record: changed(record, signature=record.change.signature[:-1]),
        lambda record: changed(record, signature=f" {record.change.signature}"),
        lambda record: changed(record, patch=record.change.patch.model_copy(update={"digest": "0" * 64})),
        lambda record: changed(record, patch=None),
        lambda record: record.model_copy(update={"attempt": 2}),
        lambda record: record.model_copy(update={"change": None}),
        lambda record: record.model_copy(update={"source": Source(repository="evil/shop", branch="main")}),
    ],
)  # fmt: skip
def test_no_field_of_what_was_signed_may_differ(shop, edit):
    patch = shop.patch()
    with pytest.raises(Refused):
        shop.pulls().create(KEY, edit(shop.record(patch)), patch, summary="s", url="")
    assert shop.effects() == []


@pytest.mark.parametrize("update", [{"signature": ""}, {"attempt": 2}, {"patch": None}])
def test_what_the_gate_did_not_sign_for_this_attempt_is_called_so(shop, update):
    patch = shop.patch()
    with pytest.raises(Refused) as refused:
        shop.pulls().create(KEY, changed(shop.record(patch), **update), patch, summary="s", url="")
    assert refused.value.code == "unsigned"


def test_a_patch_that_names_another_repository_than_its_signature_is_refused(shop):
    packed = envelope.unpack(shop.patch())
    foreign = envelope.pack(envelope.Envelope("evil/shop", KEY, 1, packed.base_sha, packed.files))
    signature = sign(
        SECRET, repository=REPOSITORY, incident=KEY, attempt=1, base_sha=packed.base_sha,
        digest=envelope.digest(foreign),
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        shop.pulls().create(
            KEY, changed(shop.record(foreign), signature=signature), foreign, summary="s", url=""
        )
    assert refused.value.code == "patch-foreign"
    assert shop.effects() == []


def test_a_patch_and_its_pointer_swapped_after_the_gate(shop):
    signed, other = shop.patch(), shop.patch(after=AFTER.replace(b"shop:1", b"evil:1"))
    pointer = PatchPointer(digest=envelope.digest(other), chunks=1, size=len(other))
    with pytest.raises(Refused):
        shop.pulls().create(KEY, changed(shop.record(signed), patch=pointer), other, summary="s", url="")
    assert shop.effects() == []


@pytest.mark.parametrize(
    ("about", "said"),
    [({"key": "OPS-8"}, "OPS-8"), ({"attempt": 2}, "attempt 2")],
)
def test_a_change_signed_for_another_incident_or_attempt_is_not_moved_here(shop, about, said):
    """Everything of the other one is genuine, its signature included."""
    theirs = shop.patch(**about)
    record = shop.record(theirs, key=about.get("key", KEY)).model_copy(update={"attempt": 1})
    with pytest.raises(Refused):
        shop.pulls().create(KEY, record, theirs, summary="s", url="")
    assert shop.effects() == []


def test_a_change_signed_for_another_base_is_not_moved_here(shop):
    first = shop.patch()
    record = shop.record(first)
    moved = envelope.unpack(first)
    other = envelope.pack(envelope.Envelope(REPOSITORY, KEY, 1, "0" * 40, moved.files))
    pointer = PatchPointer(digest=envelope.digest(other), chunks=1, size=len(other))
    with pytest.raises(Refused):
        shop.pulls().create(
            KEY, changed(record, patch=pointer, base_sha="0" * 40), other, summary="s", url=""
        )
    assert shop.effects() == []


@pytest.mark.parametrize("bomb", [b"[" * 200_000, b'{"a":' * 50_000, b"\0" * 600_000, b""])
def test_bytes_that_grow_when_they_are_read_write_nothing(shop, bomb):
    """Even where pointer and bytes agree: they are not what the gate signed."""
    record = shop.record(shop.patch())
    pointer = PatchPointer(digest=envelope.digest(bomb), chunks=1, size=len(bomb))
    for held in (record, changed(record, patch=pointer)):
        with pytest.raises(Refused):
            shop.pulls().create(KEY, held, bomb, summary="s", url="")
    assert shop.effects() == []


@pytest.mark.parametrize("branch", ["release", "main2", "refs/heads/main", "../main"])
def test_a_branch_that_only_the_record_names_gets_nothing(shop, branch):
    """The gate proved the change for what is deployed; where it goes is not the record's to say."""
    patch = shop.patch()
    shop.server.push_as("carol", "release", {"x": b"y"}, repository=REPOSITORY)
    record = shop.record(patch, source=Source(repository=REPOSITORY, branch=branch))
    with pytest.raises(Refused) as refused:
        shop.pulls().create(KEY, record, patch, summary="s", url="")
    assert refused.value.code == "foreign-branch"
    assert shop.effects() == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda record: changed(record, free=False),
        lambda record: record.model_copy(update={"change": None}),
    ],
)
def test_a_free_change_stays_one_whatever_the_record_says_later(shop, edit):
    patch = shop.patch()
    record = changed(shop.record(patch), free=True)
    signature = sign(
        SECRET, repository=REPOSITORY, incident=KEY, attempt=1, base_sha=record.change.base_sha,
        digest=envelope.digest(patch), free=True,
    )  # fmt: skip
    record = changed(record, signature=signature)
    made = shop.pulls().create(KEY, record, patch, summary="s", url="")
    shop.server.approve(REPOSITORY, made.number, "erin")
    shop.server.set_checks(REPOSITORY, made.head_sha, "success")
    with pytest.raises(NotReady) as refused:
        shop.pulls().merge(KEY, edit(record).model_copy(update={"pull_requests": (made,)}), lambda: patch)
    assert refused.value.code == "free-change"
