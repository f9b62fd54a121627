"""Where the action and the reusable workflows are published. One place; a test holds all files to it."""

#: ``owner/name@ref`` behind ``uses:``. Whoever publishes a copy of their own changes it here and in .github/workflows.
HOME = "selfheal-dev/selfheal@v1"


def workflow(name: str) -> str:
    """What to write behind ``uses:`` for a reusable workflow."""
    repository, _at, ref = HOME.partition("@")
    return f"{repository}/.github/workflows/{name}@{ref}"
