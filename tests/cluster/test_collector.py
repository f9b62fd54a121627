"""The collector rests while a dump is read, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from selfheal.cluster.collector import MANY, settled, uncollected


def test_no_collection_inside_and_as_before_afterwards() -> None:
    with pytest.raises(KeyError), uncollected():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_who_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_only_much_is_kept_for_good() -> None:
    before = gc.get_freeze_count()
    settled(MANY - 1)
    assert gc.get_freeze_count() == before
    try:
        settled(MANY)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
