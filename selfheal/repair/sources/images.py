"""Images as Kustomize's ``images`` and Argo CD's Applications write them."""

from __future__ import annotations


def split(image: str) -> tuple[str, str, str]:
    """(name, tag, digest) of an image."""
    rest, _, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    return (head, tag, digest) if colon and "/" not in tag else (rest, "", digest)


def image_entry(text: str) -> dict[str, str]:
    """``name=newName:tag``, ``name:tag`` or ``name@digest`` of an Application as an entry of ``images``."""
    left, equals, right = text.partition("=")
    name, tag, digest = split(right if equals else left)
    entry = {"name": left if equals else name, "newName": name, "newTag": tag, "digest": digest}
    if name == entry["name"]:
        entry["newName"] = ""
    return {key: value for key, value in entry.items() if value}


def image_text(entry: dict[str, str]) -> str:
    """The other way round."""
    name, new = entry["name"], entry.get("newName", "")
    text = f"{name}={new}" if new and new != name else name
    text += f":{entry['newTag']}" if entry.get("newTag") else ""
    return text + (f"@{entry['digest']}" if entry.get("digest") else "")
