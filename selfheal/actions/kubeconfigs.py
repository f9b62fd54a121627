"""The kubeconfig of a job: which of several, where it is kept, and that nothing of it is left.

The input is a kubeconfig, or a mapping from cluster names (those of ``services[].cluster``) to kubeconfigs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfheal.actions import commands
from selfheal.actions.masking import pieces
from selfheal.errors import ConfigurationProblem
from selfheal.redaction import register

#: Below the runner's temporary folder; the action's last step removes it whatever happened.
FOLDER = "selfheal-secret"
_HINT = "Store the whole file as the secret: gh secret set {secret} < kubeconfig.yaml"


def read(text: str, name: str = "kubeconfig") -> dict[str, str]:
    """Kubeconfigs by cluster name; the name is "" for a single one. All their secrets are masked from here on.

    ``name`` is the input's.

    Raises ConfigurationProblem for what is neither, without quoting it.
    """
    document = _yaml(text, name)
    found = {"": text}
    if isinstance(document, dict) and "clusters" not in document:
        found = {
            str(name): part if isinstance(part, str) else _dumped(part) for name, part in document.items()
        }
    for part in found.values():
        inner = _yaml(part, name)
        if not isinstance(inner, dict) or not isinstance(inner.get("clusters"), list):
            raise ConfigurationProblem(
                f"The input `{name}` is neither a kubeconfig nor a mapping from cluster names to kubeconfigs.",
                hint=_HINT.format(secret=name.replace("-", "_").upper()),
            )
        secrets = pieces(inner)
        commands.mask(*secrets)
        register(*secrets)
    return found


def choose(found: Mapping[str, str], cluster: str, name: str = "kubeconfig") -> str:
    """The kubeconfig of ``cluster``; "" when there are several and the incident's cluster is not known yet.

    Raises ConfigurationProblem when it is known and missing.
    """
    if "" in found:
        return found[""]
    if not cluster:
        return next(iter(found.values())) if len(found) == 1 else ""
    if cluster not in found:
        raise ConfigurationProblem(
            f"The input `{name}` has no kubeconfig for the cluster {cluster}.",
            hint=f"Add it to the secret {name.replace('-', '_').upper()}, which has {', '.join(sorted(found))}.",
        )
    return found[cluster]


def keep(text: str, temporary: Path, name: str = "kubeconfig") -> Path:
    """Writes it for this user alone, outside every checkout, under the input's name."""
    folder = temporary / FOLDER
    if folder.is_symlink():
        # Removing the folder at the end would remove the link and leave what lies behind it.
        folder.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / name
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _yaml(text: str, name: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        # The parser's message quotes the line it stumbles over, and that may hold a token: no message, no cause.
        raise ConfigurationProblem(
            f"The input `{name}` is not valid YAML.", hint=_HINT.format(secret=name.replace("-", "_").upper())
        ) from None


def _dumped(document: Any) -> str:
    import json

    return json.dumps(document)
