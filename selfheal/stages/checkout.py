"""Fetches the repository before a stage, in a process that holds the GitHub token and nothing else.

The stages themselves never talk to the git server: they find the clone in ``SELFHEAL_REPOSITORY_DIR``. In GitHub
Actions ``actions/checkout`` has done this already and the variable names its folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from selfheal.errors import ConfigurationProblem, CredentialProblem, Outage, SelfhealError
from selfheal.stages.credentials import CHECKOUT_HOLDS, environment_for

_ERRORS = {"configuration": ConfigurationProblem, "credentials": CredentialProblem, "outage": Outage}
_TIMEOUT = 600


def fetch(directory: Path, environ: Mapping[str, str]) -> None:
    """Clones the configured repository into ``directory``, or brings the clone there up to date.

    Raises what the child met: ConfigurationProblem, CredentialProblem, Outage.
    """
    try:
        done = subprocess.run(
            # -P: a module that lies in the working folder, which may be a foreign checkout, is never imported.
            [sys.executable, "-P", "-m", "selfheal.stages.checkout", str(directory.resolve())],
            env=environment_for(CHECKOUT_HOLDS, environ),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Outage(f"Fetching the repository took longer than {_TIMEOUT} s.") from error
    if done.returncode == 0:
        return
    try:
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise SelfhealError(f"Fetching the repository failed: {done.stderr.strip()[-300:]}") from None
    raise _ERRORS.get(told["code"], SelfhealError)(told["message"], hint=told["hint"])


def main(directory: str) -> int:
    """The child: reads only its environment, answers an error as one line of JSON."""
    from selfheal import config
    from selfheal.redaction import register
    from selfheal.repository.worktree import clone

    try:
        endpoints = config.load().endpoints
        token = endpoints.github_token.get_secret_value()
        register(token)
        if not endpoints.github_repository:
            raise ConfigurationProblem(
                "No repository is configured.",
                hint="Set GITHUB_REPOSITORY to owner/name, or GITHUB_OWNER and GITHUB_REPO.",
            )
        clone(
            f"{endpoints.github_server_url.rstrip('/')}/{endpoints.github_repository}.git",
            Path(directory),
            token=token,
        )
    except SelfhealError as error:
        code = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "failed")
        sys.stdout.write(json.dumps({"code": code, "message": error.message, "hint": error.hint}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
