"""The repository with the proposed change applied, for a job that runs the repository's own tests and holds nothing.

The tests run before the gate, so that what they say is known to it. They get regular files with their modes in one
archive: no git, no links, no credential.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from selfheal.jsm.manager import Incident, JSMStateManager
from selfheal.repair import envelope
from selfheal.repository.worktree import WorkTree


def patch_of(manager: JSMStateManager, incident: Incident | None) -> envelope.Envelope | None:
    """The stored change of the present attempt; None when there is none."""
    record = incident.record if incident is not None else None
    change = record.change if record is not None else None
    if incident is None or record is None or change is None or change.patch is None:
        return None
    if change.attempt != record.attempt:
        return None
    return envelope.unpack(manager.get_patch(incident.key, change.patch))


def write(patch: envelope.Envelope, checkout: Path, archive: Path) -> None:
    """Writes the patched files of the checked-out branch as a tar file.

    Raises Refused when the change does not fit the checkout.
    """
    tree = WorkTree(checkout)
    changed = envelope.apply(patch, tree.read)
    files: dict[str, bytes] = {**tree.read_many(tree.files())}
    for path, data in changed.items():
        files.pop(path, None)
        if data is not None:
            files[path] = data
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w") as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            entry.mode = 0o755 if tree.mode(path) == "100755" else 0o644
            tar.addfile(entry, io.BytesIO(files[path]))
