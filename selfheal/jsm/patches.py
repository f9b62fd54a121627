"""The patch in entity properties: ``selfheal.patch.<digest>.<n>``, compressed, in pieces; the pointer is written last.

Anyone who may edit the issue may edit the pieces, so reading is bounded and proves the digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from typing import Any, Final

from selfheal.errors import NeedsPerson, Refused
from selfheal.incidents.record import PatchPointer

MAX_CHUNKS: Final = 8
#: Characters of base64 in one property; Jira allows 32,768 with the JSON around them.
CHUNK: Final = 32_000
#: Bytes of a patch. Compressed, eight chunks could hold far more than anybody reviews.
MAX_BYTES: Final = 1_000_000


def name(digest: str, number: int) -> str:
    """The property of a piece, counted from 0."""
    return f"selfheal.patch.{digest}.{number}"


def split(data: bytes) -> tuple[PatchPointer, list[str]]:
    """The pointer and the pieces. Raises NeedsPerson when it is more than the properties may hold."""
    coded = base64.b64encode(zlib.compress(data, 9)).decode("ascii")
    pieces = [coded[start : start + CHUNK] for start in range(0, len(coded), CHUNK)]
    if len(pieces) > MAX_CHUNKS or len(data) > MAX_BYTES:
        raise NeedsPerson(
            f"The patch of {len(data)} bytes is too large to hand on.",
            hint="A change of this size is for a person to make and to review.",
            code="patch-too-large",
        )
    digest = hashlib.sha256(data).hexdigest()
    return PatchPointer(digest=digest, chunks=len(pieces), size=len(data)), pieces


def join(key: str, pointer: PatchPointer, read: Callable[[str], Any]) -> bytes:
    """The patch again, through ``read(property name)``. Raises Refused unless every byte is what was stored."""
    if not (1 <= pointer.chunks <= MAX_CHUNKS and 0 <= pointer.size <= MAX_BYTES):
        raise _damaged(key, f"it claims {pointer.chunks} pieces and {pointer.size} bytes")
    if len(pointer.digest) != 64 or not pointer.digest.isalnum():
        raise _damaged(key, "its digest is malformed")
    pieces = [read(name(pointer.digest, number)) for number in range(pointer.chunks)]
    if not all(isinstance(piece, str) and len(piece) <= CHUNK for piece in pieces):
        raise _damaged(key, "a piece is missing or malformed")
    inflate = zlib.decompressobj()
    try:
        # One byte more than promised, so that a bomb is seen without being unpacked.
        data = inflate.decompress(base64.b64decode("".join(pieces), validate=True), pointer.size + 1)
    except (binascii.Error, zlib.error) as error:
        raise _damaged(key, "a piece cannot be decoded") from error
    if len(data) != pointer.size or inflate.unconsumed_tail:
        raise _damaged(key, "its size is not what was stored")
    if hashlib.sha256(data).hexdigest() != pointer.digest:
        raise _damaged(key, "its digest is not what was stored")
    return data


def _damaged(key: str, why: str) -> Refused:
    return Refused(
        f"The stored patch of {key} is damaged: {why}.",
        hint="Add the label selfheal-retry to have the fix made again.",
        code="patch-damaged",
    )
