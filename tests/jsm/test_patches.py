"""The patch in properties: whole or refused, and bounded whatever is stored."""

from __future__ import annotations

import base64
import os
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.errors import NeedsPerson, Refused
from selfheal.incidents.record import PatchPointer
from selfheal.incidents.states import Stage
from selfheal.jsm import patches


@given(st.binary(max_size=20_000))
def test_what_is_split_is_joined(data: bytes) -> None:
    pointer, pieces = patches.split(data)
    stored = {patches.name(pointer.digest, number): piece for number, piece in enumerate(pieces)}
    assert patches.join("INC-1", pointer, stored.get) == data
    assert all(len(piece) <= patches.CHUNK for piece in pieces)


def test_a_large_one_takes_several_pieces_written_before_anything_points_at_them(jira, manager) -> None:
    key = jira.file_incident(summary="x")
    manager.adopt(key)
    data = os.urandom(120_000)
    with manager.claim(key, Stage.FIX) as lease:
        pointer = manager.put_patch(key, data, lease=lease)
        assert pointer.chunks == 6
        assert manager.load(key).record.change is None
    assert manager.get_patch(key, pointer) == data
    sizes = [len(str(value)) for value in jira.store.issues[key].properties.values()]
    assert max(sizes) <= 32_768


def test_too_large_a_patch_is_for_a_person() -> None:
    with pytest.raises(NeedsPerson, match="too large"):
        patches.split(os.urandom(300_000))
    with pytest.raises(NeedsPerson):
        patches.split(b"\0" * 5_000_000)


def bomb(size: int) -> str:
    return base64.b64encode(zlib.compress(b"\0" * size, 9)).decode()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda pointer, pieces: (pointer, {}), "missing"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, None)), "missing"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, 7)), "missing"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, "not base64 !")), "decoded"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, base64.b64encode(b"no zlib").decode())), "decoded"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, "A" * 100_000)), "malformed"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, patches.split(b"another text")[1][0])), "its size"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, patches.split(b"the text 2")[1][0])), "its digest"),
        (lambda pointer, pieces: (pointer, dict.fromkeys(pieces, bomb(20_000_000))), "its size"),
        (lambda pointer, pieces: (pointer.model_copy(update={"chunks": 9}), pieces), "claims 9 pieces"),
        (lambda pointer, pieces: (pointer.model_copy(update={"chunks": 0}), pieces), "claims 0 pieces"),
        (lambda pointer, pieces: (pointer.model_copy(update={"size": 10**12}), pieces), "and 1000000000000 bytes"),
        (lambda pointer, pieces: (pointer.model_copy(update={"size": -1}), pieces), "and -1 bytes"),
        (lambda pointer, pieces: (pointer.model_copy(update={"size": 3}), pieces), "its size"),
        (lambda pointer, pieces: (pointer.model_copy(update={"digest": "../x"}), pieces), "digest is malformed"),
    ],
)  # fmt: skip
def test_whatever_people_make_of_it_is_refused(spoil, why) -> None:
    pointer, pieces = patches.split(b"the text 1")
    stored = {patches.name(pointer.digest, number): piece for number, piece in enumerate(pieces)}
    pointer, stored = spoil(pointer, stored)
    with pytest.raises(Refused, match="damaged") as refused:
        patches.join("INC-1", pointer, stored.get)
    assert why in refused.value.message


def test_a_bomb_is_seen_without_being_unpacked() -> None:
    pointer, pieces = patches.split(b"the text 1")
    spoilt = dict.fromkeys(
        [patches.name(pointer.digest, number) for number in range(len(pieces))], bomb(20_000_000)
    )
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            patches.join("INC-1", pointer, spoilt.get)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_pointer_that_claims_many_pieces_reads_none() -> None:
    asked: list[str] = []
    with pytest.raises(Refused):
        patches.join(
            "INC-1", PatchPointer(digest="a" * 64, chunks=10_000, size=1), lambda name: asked.append(name)
        )
    assert asked == []


def test_a_pointer_of_a_forged_record_reads_no_other_property() -> None:
    asked: list[str] = []
    pointer = PatchPointer(digest="selfheal/../../x".ljust(64, "a"), chunks=1, size=1)
    with pytest.raises(Refused):
        patches.join("INC-1", pointer, lambda name: asked.append(name))
    assert asked == []
