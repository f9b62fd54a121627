"""CrewAI, imported in one place, with what it must not do switched off beforehand.

The library reads its environment while it is imported: telemetry would phone home, a ``.env`` above it would be
loaded, a key would be written below HOME, and locks would land in the shared temporary folder. Everything that needs
CrewAI imports it from here, so none of that can happen before it is forbidden.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger(__name__)

#: What the library is told through the environment, for the whole process.
SWITCHES = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "OTEL_SDK_DISABLED": "true",
    "PYTHON_DOTENV_DISABLED": "true",
}

#: A folder of ours that the library may litter; it goes with the process that made it.
STORAGE = Path(tempfile.mkdtemp(prefix="selfheal-crewai-"))
_MAKER = os.getpid()


def _clear() -> None:
    # A forked stage shares the folder of the process that made it and must leave it alone.
    if os.getpid() == _MAKER:
        shutil.rmtree(STORAGE, ignore_errors=True)


atexit.register(_clear)
_locks: dict[str, threading.RLock] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def _lock(name: str, *, timeout: float = 60) -> Iterator[None]:
    """The library's locks, kept in the process: its own are files in the shared temporary folder."""
    with _guard:
        held = _locks.setdefault(name, threading.RLock())
    if not held.acquire(timeout=timeout):
        raise TimeoutError(f"The lock {name} was not free within {timeout} s.")
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """HOME points at our folder while the library is imported: it makes a key and settings below it."""
    saved = os.environ.get("HOME")
    os.environ["HOME"] = str(STORAGE)
    try:
        yield
    finally:
        if saved is None:
            os.environ.pop("HOME", None)
        else:
            os.environ["HOME"] = saved


os.environ.update(SWITCHES)
os.environ["CREWAI_STORAGE_DIR"] = str(STORAGE)
with _elsewhere(), warnings.catch_warnings():
    # Its own modules set attributes that its own modules forbid; that is no news for anybody here.
    warnings.simplefilter("ignore")
    from crewai import LLM, Agent, Crew, Process, Task
    from crewai.hooks.dispatch import HookAborted
    from crewai.llms.base_llm import BaseLLM
    from crewai.tools import BaseTool
    from crewai_core.lock_store import set_lock_backend

set_lock_backend(_lock)


def quiet() -> None:
    """Sets the switches again: a stage's environment replaces the one that the import was made in.

    Each process gets a folder of its own below STORAGE; whoever made that removes them all.
    """
    own = STORAGE / str(os.getpid())
    own.mkdir(parents=True, exist_ok=True)
    os.environ.update(SWITCHES)
    os.environ["CREWAI_STORAGE_DIR"] = str(own)
    # Its flow engine reports every error that is raised through it, ours included; those have been dealt with.
    logging.getLogger("crewai").setLevel(logging.CRITICAL)
    if not logging.getLogger().handlers:
        # It logs vendors' errors to the root logger, which would set itself up to print them.
        logging.getLogger().addHandler(logging.NullHandler())


def crew_of(agent: Any, task: Any) -> Any:
    """One agent, one task, and nothing of what the library would add by itself."""
    return Crew(
        agents=[agent],
        tasks=[task],
        process=Process.sequential,
        verbose=False,
        memory=False,
        cache=False,
        planning=False,
        tracing=False,
        share_crew=False,
    )


def work_through(crew: Any) -> None:
    """Runs the crew. What the library prints goes to the log: standard output belongs to whoever called us."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            crew.kickoff()
    finally:
        if printed.getvalue().strip():
            LOGGER.debug("printed by the library: %s", printed.getvalue().strip()[:2_000])


__all__ = [
    "LLM", "STORAGE", "SWITCHES", "Agent", "BaseLLM", "BaseTool", "Crew", "HookAborted", "Process", "Task", "crew_of", "quiet", "work_through",
]  # fmt: skip
