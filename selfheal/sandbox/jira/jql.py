"""JQL: text to tree, with the complaints that Jira makes of text it cannot read.

The grammar: ``OR`` binds weaker than ``AND``, ``NOT`` stronger; clauses are ``field operator operand``; operands are
values, lists in parentheses, functions, ``EMPTY`` and ``NULL``. ``WAS`` and ``CHANGED`` are not served.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Words that are values only in quotes, as Atlassian lists them.
RESERVED = frozenset(
    [
        "abort",
        "access",
        "add",
        "after",
        "alias",
        "all",
        "alter",
        "and",
        "any",
        "as",
        "asc",
        "audit",
        "avg",
        "before",
        "begin",
        "between",
        "boolean",
        "break",
        "by",
        "byte",
        "catch",
        "cf",
        "char",
        "character",
        "check",
        "checkpoint",
        "collate",
        "collation",
        "column",
        "commit",
        "connect",
        "continue",
        "count",
        "create",
        "current",
        "date",
        "decimal",
        "declare",
        "decrement",
        "default",
        "defaults",
        "define",
        "delete",
        "delimiter",
        "desc",
        "difference",
        "distinct",
        "divide",
        "do",
        "double",
        "drop",
        "else",
        "empty",
        "encoding",
        "end",
        "equals",
        "escape",
        "exclusive",
        "exec",
        "execute",
        "exists",
        "explain",
        "false",
        "fetch",
        "file",
        "field",
        "first",
        "float",
        "for",
        "from",
        "function",
        "go",
        "goto",
        "grant",
        "greater",
        "group",
        "having",
        "identified",
        "if",
        "immediate",
        "in",
        "increment",
        "index",
        "initial",
        "inner",
        "inout",
        "input",
        "insert",
        "int",
        "integer",
        "intersect",
        "intersection",
        "into",
        "is",
        "isempty",
        "isnull",
        "join",
        "last",
        "left",
        "less",
        "like",
        "limit",
        "lock",
        "long",
        "max",
        "min",
        "minus",
        "mode",
        "modify",
        "modulo",
        "more",
        "multiply",
        "next",
        "noaudit",
        "not",
        "notin",
        "nowait",
        "null",
        "number",
        "object",
        "of",
        "on",
        "option",
        "or",
        "order",
        "outer",
        "output",
        "power",
        "previous",
        "prior",
        "privileges",
        "public",
        "raise",
        "raw",
        "remainder",
        "rename",
        "resource",
        "return",
        "returns",
        "revoke",
        "right",
        "row",
        "rowid",
        "rownum",
        "rows",
        "select",
        "session",
        "set",
        "share",
        "size",
        "sqrt",
        "start",
        "strict",
        "string",
        "subtract",
        "sum",
        "synonym",
        "table",
        "then",
        "to",
        "trans",
        "transaction",
        "trigger",
        "true",
        "uid",
        "union",
        "unique",
        "update",
        "user",
        "validate",
        "values",
        "view",
        "when",
        "whenever",
        "where",
        "while",
        "with",
    ]
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
OPERATORS = ("=", "!=", "<", ">", "<=", ">=", "~", "!~")
_VALID = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'"


class JqlError(ValueError):
    """What is wrong with a query, in Jira's words."""


@dataclass(frozen=True)
class Literal:
    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Empty:
    """``EMPTY`` and ``NULL``."""


Operand = Literal | Call | Empty


@dataclass(frozen=True)
class Clause:
    """``operator`` in capitals; one operand unless it is ``IN`` or ``NOT IN``."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Not:
    node: Node


@dataclass(frozen=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    nodes: tuple[Node, ...]


Node = Clause | Not | And | Or


@dataclass(frozen=True)
class Query:
    """``where`` None: no restriction. ``order``: (field, descending)."""

    where: Node | None
    order: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Query:
    """Raises :class:`JqlError`."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._lex()
        self.index = 0

    # -- words ---------------------------------------------------------------------------------------------

    def _lex(self) -> list[_Token]:
        tokens = []
        for match in _TOKEN.finditer(self.text):
            kind, found, at = str(match.lastgroup), match.group(), match.start()
            if kind == "open":
                raise JqlError(
                    f"Error in the JQL Query: The quoted string '{self.text[at + 1 :]}' has not been completed. {self._place(at)}"
                )
            if kind == "illegal":
                raise JqlError(
                    f"Error in the JQL Query: The character '{found}' is a reserved JQL character. You must enclose it in a "
                    f"string or use the escape '\\u{ord(found):04x}' instead. {self._place(at)}"
                )
            if kind == "quoted":
                tokens.append(_Token(kind, _unescape(found[1:-1]), at))
            elif kind != "space":
                tokens.append(_Token(kind, _unescape(found) if kind == "word" else found, at))
        return [*tokens, _Token("end", "", len(self.text))]

    def _place(self, at: int) -> str:
        line = self.text.count("\n", 0, at) + 1
        return f"(line {line}, character {at - self.text.rfind(chr(10), 0, at)})"

    @property
    def _now(self) -> _Token:
        return self.tokens[self.index]

    def _next(self) -> _Token:
        token = self._now
        self.index += token.kind != "end"
        return token

    def _is_word(self, *words: str) -> bool:
        return self._now.kind == "word" and self._now.text.casefold() in words

    def _take_word(self, *words: str) -> bool:
        taken = self._is_word(*words)
        self.index += taken
        return taken

    def _take(self, *symbols: str) -> bool:
        taken = self._now.kind == "symbol" and self._now.text in symbols
        self.index += taken
        return taken

    def _wrong(self, expected: str) -> JqlError:
        token = self._now
        if token.kind == "end":
            return JqlError(f"Error in the JQL Query: Expecting {expected} before the end of the query.")
        return JqlError(
            f"Error in the JQL Query: Expecting {expected} but got '{token.text}'. {self._place(token.at)}"
        )

    # -- sentences -----------------------------------------------------------------------------------------

    def query(self) -> Query:
        where = None if self._now.kind == "end" or self._is_word("order") else self._or()
        order = self._order()
        if self._now.kind != "end":
            raise self._wrong("either 'OR' or 'AND'")
        return Query(where, order)

    def _or(self) -> Node:
        nodes = [self._and()]
        while self._take_word("or") or self._take("||"):
            nodes.append(self._and())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _and(self) -> Node:
        nodes = [self._not()]
        while self._take_word("and") or self._take("&&"):
            nodes.append(self._not())
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _not(self) -> Node:
        if self._take_word("not") or self._take("!"):
            return Not(self._not())
        if self._take("("):
            node = self._or()
            if not self._take(")"):
                raise self._wrong("')'")
            return node
        return self._clause()

    def _clause(self) -> Clause:
        name = self._field()
        operator = self._operator()
        if operator in ("IN", "NOT IN"):
            return Clause(name, operator, self._list())
        operand = self._operand()
        if operator in ("IS", "IS NOT") and not isinstance(operand, Empty):
            raise JqlError(f"The operator '{operator.lower()}' only supports the values 'EMPTY' and 'NULL'.")
        return Clause(name, operator, (operand,))

    def _field(self) -> str:
        token = self._now
        if token.kind not in ("word", "quoted"):
            raise self._wrong("a field name")
        if token.kind == "word" and token.text.casefold() in RESERVED:
            raise JqlError(
                f"Error in the JQL Query: '{token.text}' is a reserved JQL word. You must surround it in quotation marks "
                f"to use it in a query. {self._place(token.at)}"
            )
        return self._next().text

    def _operator(self) -> str:
        token = self._now
        if token.kind == "symbol" and token.text in OPERATORS:
            return self._next().text
        if self._take_word("in"):
            return "IN"
        if self._take_word("is"):
            return "IS NOT" if self._take_word("not") else "IS"
        if self._is_word("not"):
            self.index += 1
            if self._take_word("in"):
                return "NOT IN"
            raise self._wrong("'IN'")
        if self._is_word("was", "changed"):
            raise JqlError(f"The operator '{token.text}' is not served by the sandbox.")
        raise (
            self._wrong("operator")
            if token.kind == "end"
            else JqlError(
                f"Error in the JQL Query: Expecting operator but got '{token.text}'. The valid operators are {_VALID}. "
                f"{self._place(token.at)}"
            )
        )

    def _list(self) -> tuple[Operand, ...]:
        if not self._take("("):
            operand = self._operand()
            if not isinstance(operand, Call):
                raise JqlError("Error in the JQL Query: Expecting a list or function after 'IN'.")
            return (operand,)
        operands = [self._operand()]
        while self._take(","):
            operands.append(self._operand())
        if not self._take(")"):
            raise self._wrong("')' or ','")
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._now
        if token.kind == "quoted":
            return Literal(self._next().text, quoted=True)
        if token.kind != "word":
            raise self._wrong("either a value, list or function")
        if token.text.casefold() in ("empty", "null"):
            self.index += 1
            return Empty()
        self.index += 1
        if self._take("("):
            return Call(token.text, self._arguments())
        if token.text.casefold() in RESERVED:
            raise JqlError(
                f"Error in the JQL Query: Expecting either a value, list or function but got '{token.text}'. You must surround "
                f"'{token.text}' in quotation marks to use it as a value. {self._place(token.at)}"
            )
        return Literal(token.text)

    def _arguments(self) -> tuple[str, ...]:
        arguments: list[str] = []
        while not self._take(")"):
            if arguments and not self._take(","):
                raise self._wrong("')' or ','")
            if self._now.kind not in ("word", "quoted"):
                raise self._wrong("an argument")
            arguments.append(self._next().text)
        return tuple(arguments)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._take_word("order"):
            return ()
        if not self._take_word("by"):
            raise self._wrong("'by'")
        order: list[tuple[str, bool]] = []
        while not order or self._take(","):
            name = self._field()
            descending = self._take_word("desc")
            if not descending:
                self._take_word("asc")
            order.append((name, descending))
        if len(order) > 7:
            raise JqlError("The ORDER BY clause can contain at most 7 fields.")
        return tuple(order)


def _unescape(text: str) -> str:
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|.)",
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else _ESCAPES.get(found[1], found[1]),
        text,
        flags=re.DOTALL,
    )
