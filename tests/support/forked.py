"""A function called in a process forked from this one, so that what it does to objects here is gone afterwards."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any


def forked(function: Callable[[], Any]) -> Any:
    """What the function answers (it has to be picklable). Raises RuntimeError with the traceback of what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = (True, function())
        except BaseException:  # noqa: BLE001  told to the parent, which raises it
            answer = (False, traceback.format_exc())
        with os.fdopen(writing, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        well, answer = pickle.load(file)
    os.waitpid(child, 0)
    if not well:
        raise RuntimeError(answer)
    return answer
