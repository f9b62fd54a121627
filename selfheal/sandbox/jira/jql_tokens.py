"""The words of JQL: strings, symbols, reserved words, and where in the text they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Words that are values only in quotes, as Atlassian lists them.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        abort access add after alias all alter and any as asc audit avg before begin between boolean break by byte
        catch cf char character check checkpoint collate collation column commit connect continue count create
        current date decimal declare decrement default defaults define delete delimiter desc difference distinct
        divide do double drop else empty encoding end equals escape exclusive exec execute exists explain false
        fetch field file first float for from function go goto grant greater group having identified if immediate
        in increment index initial inner inout input insert int integer intersect intersection into is isempty
        isnull join last left less like limit lock long max min minus mode modify modulo more multiply next
        noaudit not notin nowait null number object of on option or order outer output power previous prior
        privileges public raise raw remainder rename resource return returns revoke right row rowid rownum rows
        select session set share size sqrt start strict string subtract sum synonym table then to trans
        transaction trigger true uid union unique update user validate values view when whenever where while with
        """,
    )
)

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<quoted>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<open>["'])
    | (?P<symbol>!=|!~|<=|>=|&&|\|\||[=<>~!(),])
    | (?P<word>(?:[^\s"'=!<>()~,\[\]|&{}*/%+^$\#@?;\\`]|\\.|\[[^\]]*\])+)
    | (?P<illegal>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class JqlError(ValueError):
    """What is wrong with a query, in Jira's words."""


@dataclass(frozen=True)
class Token:
    """``kind``: word, quoted, symbol or end."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """Raises :class:`JqlError` for what is no word, string or symbol. The last token is ``end``."""
    found_ones: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, found, at = str(match.lastgroup), match.group(), match.start()
        if kind == "open":
            raise JqlError(
                f"Error in the JQL Query: The quoted string '{text[at + 1 :]}' has not been completed. {place(text, at)}"
            )
        if kind == "illegal":
            raise JqlError(
                f"Error in the JQL Query: The character '{found}' is a reserved JQL character. You must enclose it in a "
                f"string or use the escape '\\u{ord(found):04x}' instead. {place(text, at)}"
            )
        if kind == "quoted":
            found_ones.append(Token(kind, unescape(found[1:-1]), at))
        elif kind != "space":
            found_ones.append(Token(kind, unescape(found) if kind == "word" else found, at))
    return [*found_ones, Token("end", "", len(text))]


def place(text: str, at: int) -> str:
    """Where in the query, as Jira says it."""
    line = text.count("\n", 0, at) + 1
    return f"(line {line}, character {at - text.rfind(chr(10), 0, at)})"


def unescape(text: str) -> str:
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|.)",
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else _ESCAPES.get(found[1], found[1]),
        text,
        flags=re.DOTALL,
    )
