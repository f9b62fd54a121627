"""Keeps the garbage collector from walking a large dump again and again.

Parsing one makes millions of containers, none of them garbage and none in a cycle, and each full collection walks all of
them: a fifth of the time that a large diagnosis takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects of the cluster from which on it is worth it.
MANY = 5_000


@contextmanager
def uncollected() -> Iterator[None]:
    """No cyclic collection inside; afterwards as it was before. Counting of references goes on."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def settled(objects: int) -> None:
    """Tells the collector that what is there now stays, where it is much.

    It is still freed when nothing refers to it any more; only a cycle that was garbage already at this moment stays until
    the process ends.
    """
    if objects >= MANY:
        gc.freeze()
