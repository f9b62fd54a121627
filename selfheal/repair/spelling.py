"""A slip of the pen in a text: one word of it that nothing else uses, and that is all but a word the repository uses.

``/migrations/ledgr`` where everything else says ``ledger``. Words come from the objects that the repository renders,
never from a log, an event or a text; those may only say which word is meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from selfheal.cluster import pointer
from selfheal.repair.objects import Object
from selfheal.repair.view import View

#: Shorter words are all alike.
SHORTEST = 4
#: Words of this length may be wrong in two places.
LONG = 8
_WORD = re.compile(r"[A-Za-z0-9]+")
_LETTERS = re.compile(r"[A-Za-z]")
_DIGIT = re.compile(r"[0-9]")
#: Letters that are read as digits.
_READ_AS = str.maketrans({"o": "0", "O": "0", "l": "1", "I": "1"})
_NUMBER = re.compile(r"^-?[0-9]+(?:\.[0-9]+)*$")
_DURATION = re.compile(
    r"^([0-9]+)\s*(ms|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)$", re.IGNORECASE
)
#: Fields of which only a part may be wrong; a longer text counts as such a field as well.
_PARTS = ("command", "args")
WHOLE = 120
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(?==)")
_CREDENTIALS = re.compile(r"://[^\s/]*@")
_PATH = re.compile(r"(?<![\w./:-])/[\w./-]+")
_KEY = re.compile(r"^\s*(?:- +)*(?:[\w./-]+|\"[^\"]*\"|'[^']*'):(?=\s|$)")
_FILES = (".yaml", ".yml", ".json", ".env", ".properties")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


class Words:
    """The words of some texts, and in how many texts each stands: ``groups`` are ways to see the same things, as what is
    rendered and the files that it is rendered from.
    """

    def __init__(self, *groups: Iterable[str]) -> None:
        self._fields: dict[str, int] = {}
        for group in groups:
            counts: dict[str, int] = {}
            for text in group:
                for word in {found.lower() for found in _WORD.findall(text)}:
                    counts[word] = counts.get(word, 0) + 1
            for word, count in counts.items():
                self._fields[word] = max(count, self._fields.get(word, 0))

    def fields(self, word: str) -> int:
        """In how many texts a word stands."""
        return self._fields.get(word.lower(), 0)

    def near(self, word: str, *, endings: bool) -> str | None:
        """The one word that is all but this one, None where there is none or another as near. ``endings``: also one
        that differs at its end alone, which may as well be another form of the word.
        """
        low = word.lower()
        for most in (1, 2) if len(low) >= LONG else (1,):
            found = [
                other
                for other in self._fields
                if len(other) >= SHORTEST
                and _same_digits(low, other)
                and 0 < distance(low, other, most) <= most
                and (endings or not (low.startswith(other) or other.startswith(low)))
            ]
            if found:
                return found[0] if len(found) == 1 else None
        return None


def respelled(
    text: str, words: Words, told: Collection[str] | None = None, nearer: Sequence[Words] = ()
) -> str | None:
    """The text with its one misspelled word put right, None where no word, or more than one, may be meant.

    ``told``: texts of which one has to name the word or the option that it belongs to; None where the field as a whole
    is known to be wrong. ``nearer`` are words that are looked at first; ``words`` all there are.
    """
    if _CREDENTIALS.search(text):
        return None
    every = list(_WORD.finditer(text))
    if told is None:
        found = _put_right(text, every, words, nearer, endings=False)
    else:
        found = _put_right(text, [item for item in every if _named(item.group(), told)], words, nearer)
        option = _OPTION.match(text)
        if not found and option is not None and _named(option.group(), told):
            found = _put_right(text, list(_WORD.finditer(text, option.end())), words, nearer)
    return found[0] if len(found) == 1 else None


def _put_right(
    text: str,
    suspects: Iterable[re.Match[str]],
    words: Words,
    nearer: Sequence[Words],
    *,
    endings: bool = True,
) -> list[str]:
    """The text with each of the words in it that is all but another one put right."""
    found = []
    for match in suspects:
        word = match.group()
        if not _candidate(word) or words.fields(word) > 1 or text.lower().count(word.lower()) > 1:
            continue
        near = next(
            (meant for known in (*nearer, words) if (meant := known.near(word, endings=endings))), None
        )
        if near is not None:
            found.append(text[: match.start()] + _cased(near, word) + text[match.end() :])
    return found


def read_right(text: str) -> str | None:
    """A number in which letters stand for the digits they look like, or a duration with its unit written out, as
    programs read them; None for anything else.
    """
    if _DIGIT.search(text) and _LETTERS.search(text):
        number = text.translate(_READ_AS)
        if _NUMBER.match(number):
            return number
    span = _DURATION.match(text.strip())
    if span:
        unit = span[2].lower()
        short = "ms" if unit.startswith("ms") else unit[0]
        return f"{span[1]}{short}"
    return None


def mended(
    value: Any,
    field: str,
    obj: Object,
    objects: Sequence[Object],
    told: Collection[str],
    lines: Sequence[str] = (),
) -> Any:
    """The value of a field of ``obj`` without its slip, None where none is plain. ``objects`` are all that is rendered
    with it, ``lines`` those of the repository's files (:func:`lines_of`).

    Of a command, arguments or a file one word is mended, and only one that ``told`` names: that the others are wrong is
    as likely otherwise.
    """
    tokens = pointer.parts(field)
    rendered = [text for item in objects for text in _texts(item)]
    words, nearer = Words(rendered, lines), [Words(_texts(obj))]
    if tokens[-1:] == ("path",):
        nearer.append(Words(path for text in (*rendered, *lines) for path in _PATH.findall(text)))
    if isinstance(value, str):
        parts = any(token in _PARTS for token in tokens) or len(value) > WHOLE or "\n" in value
        return respelled(value, words, told if parts else None, nearer) or (
            None if parts else read_right(value)
        )
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        changed = [
            (index, better)
            for index, item in enumerate(value)
            if (better := respelled(item, words, told, nearer)) is not None
        ]
        if len(changed) == 1:
            index, better = changed[0]
            return [*value[:index], better, *value[index + 1 :]]
    return None


def lines_of(view: View) -> list[str]:
    """The lines of manifests and values files, without what opens them as a key, and without comments."""
    files = view.read_many(path for path in view.files() if path.lower().endswith(_FILES))
    return [
        text
        for data in files.values()
        for line in data.decode("utf-8", "replace").splitlines()
        if (text := _COMMENT.sub("", _KEY.sub("", line)).strip())
    ]


def mentions(lines: Iterable[str], word: str) -> int:
    """In how many lines a word stands."""
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", re.IGNORECASE)
    return sum(1 for line in lines if pattern.search(line))


def changed_word(before: str, after: str) -> tuple[str, str] | None:
    """(old, new) of the one word in which two texts differ by a slip, None where they differ otherwise."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    if _WORD.sub("", before) != _WORD.sub("", after) or len(old) != len(new):
        return None
    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    if len(changed) != 1 or not (_LETTERS.search(changed[0][0]) and _same_digits(*changed[0])):
        return None
    return changed[0] if distance(*changed[0], 2) <= 2 else None


def is_mended(value: Any, before: Any, objects: Sequence[Object], lines: Sequence[str] = ()) -> bool:
    """Whether a value is another one without a slip: one word is put as the repository spells it, or a number is read
    right.
    """
    if not isinstance(value, str) or not isinstance(before, str):
        return False
    if read_right(before) == value:
        return True
    words = Words((text for item in objects for text in _texts(item)), lines)
    new, old = _WORD.findall(value), _WORD.findall(before)
    if _WORD.sub("", value) != _WORD.sub("", before) or len(new) != len(old):
        return False
    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    if len(changed) != 1 or not _candidate(changed[0][0]):
        return False
    most = 2 if len(changed[0][0]) >= LONG else 1
    was, now = (word.lower() for word in changed[0])
    return words.fields(now) > 0 and _same_digits(was, now) and distance(was, now, most) <= most


def distance(left: str, right: str, most: int) -> int:
    """In how many places two words differ: letters more, fewer, other or swapped. Beyond ``most`` some larger number."""
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, one in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, two in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != two))
            if i > 1 and j > 1 and one == right[j - 2] and left[i - 2] == two:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most and (not before or min(before) > most):
            return most + 1
    return row[-1]


def _same_digits(one: str, two: str) -> bool:
    """Whether two words differ in letters alone: another number is another thing."""
    return _DIGIT.findall(one) == _DIGIT.findall(two) and bool(_LETTERS.search(two))


def _candidate(word: str) -> bool:
    return len(word) >= SHORTEST and len(_LETTERS.findall(word)) * 2 > len(word)


def _named(word: str, told: Collection[str]) -> bool:
    """Whether somebody named the word as it stands."""
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])")
    return any(pattern.search(line) for line in told)


def _cased(near: str, word: str) -> str:
    if word.isupper():
        return near.upper()
    return near.capitalize() if word[:1].isupper() and word[1:].islower() else near


def _texts(value: Any) -> Iterator[str]:
    """Every text in an object, and the keys that people choose: of data, labels and annotations."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("data", "labels", "matchLabels", "annotations", "selector") and isinstance(item, dict):
                yield from (str(name) for name in item)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
