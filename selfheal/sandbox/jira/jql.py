"""JQL: text to tree, with the complaints that Jira makes of text it cannot read.

The grammar: ``OR`` binds weaker than ``AND``, ``NOT`` stronger; clauses are ``field operator operand``; operands are
values, lists in parentheses, functions, ``EMPTY`` and ``NULL``. ``WAS`` and ``CHANGED`` are not served.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfheal.sandbox.jira.jql_tokens import RESERVED, JqlError, Token, place, tokens

OPERATORS = ("=", "!=", "<", ">", "<=", ">=", "~", "!~")
_VALID = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'"


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


def parse(text: str) -> Query:
    """Raises :class:`JqlError`."""
    try:
        return _Parser(text).query()
    except RecursionError:
        raise JqlError("The JQL query is nested too deeply.") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.index = 0

    # -- words ---------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Token:
        return self.tokens[self.index]

    def _next(self) -> Token:
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
            f"Error in the JQL Query: Expecting {expected} but got '{token.text}'. {place(self.text, token.at)}"
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
                f"to use it in a query. {place(self.text, token.at)}"
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
                f"{place(self.text, token.at)}"
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
                f"'{token.text}' in quotation marks to use it as a value. {place(self.text, token.at)}"
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
