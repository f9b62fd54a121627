"""Which stage may write which section of the record, and what may stand in it."""

from __future__ import annotations

from typing import Any, Final

from selfheal.errors import Refused
from selfheal.incidents import record as records
from selfheal.incidents.record import Analysis, Change, Record, Source, Target, Verification
from selfheal.incidents.states import Stage
from selfheal.jsm.keys import checked

_TYPES: Final[dict[str, type[Any]]] = {
    "target": Target,
    "source": Source,
    "analysis": Analysis,
    "change": Change,
    "verification": Verification,
    "parent": str,
    "spent": tuple,
}

#: Each stage writes only its own; proofs write the rest.
MAY_WRITE: Final[dict[Stage, frozenset[str]]] = {
    Stage.COORDINATE: frozenset({"target", "source", "parent"}),
    # The cause shows here which incident leads.
    Stage.ANALYZE: frozenset({"target", "source", "analysis", "spent", "parent"}),
    Stage.FIX: frozenset({"source", "change", "spent"}),
    Stage.GATE: frozenset(),
    # The baseline is taken before the deployment, which the merge sets off.
    Stage.PR: frozenset({"verification"}),
    Stage.DEPLOY: frozenset({"verification", "spent"}),
}
#: An analysis over its budget is cut to this many pieces of evidence and characters of a message, in turn.
_CUTS: Final = ((20, 400), (12, 240), (8, 160), (5, 120))


def with_section(record: Record, stage: Stage, section: str, value: Any) -> Record:
    """``record`` with the section replaced. Raises Refused for another stage's section, a wrong type, a signature."""
    wanted = _TYPES.get(section)
    if wanted is None:
        raise Refused(
            f"The record has no section '{section}' to write.",
            hint=f"Sections: {', '.join(_TYPES)}.",
            code="no-such-section",
        )
    if section not in MAY_WRITE[stage]:
        raise Refused(f"The {stage} stage may not write the {section}.", code="foreign-section")
    if value is not None and not isinstance(value, wanted):
        raise Refused(
            f"The {section} must be a {wanted.__name__}, not a {type(value).__name__}.", code="wrong-section"
        )
    if isinstance(value, Change) and value.signature:
        raise Refused("A change is signed by the gate, not by who wrote it.", code="forged-signature")
    if section == "parent" and value is not None:
        checked(value)
    if isinstance(value, Analysis):
        value = fitted(value)
    return record.model_copy(update={section: value})


def fitted(analysis: Analysis) -> Analysis:
    """The analysis cut to its budget where cutting helps; the first pieces of evidence carry the verdict."""
    for count, length in _CUTS:
        if (
            len(records.compact(analysis.model_dump(mode="json", exclude_defaults=True)))
            <= records.BUDGETS["analysis"]
        ):
            return analysis
        analysis = analysis.model_copy(
            update={
                "evidence": tuple(
                    item.model_copy(
                        update={"message": _short(item.message, length), "value": _brief(item.value, length)}
                    )
                    for item in analysis.evidence[:count]
                ),
                "explains": analysis.explains[:count],
                "incomplete": tuple(_short(text, length) for text in analysis.incomplete[:count]),
                "summary": _short(analysis.summary, length * 4),
                "mitigation": _short(analysis.mitigation, length * 4),
            }
        )
    return analysis


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _brief(value: Any, length: int) -> Any:
    """A long value becomes the beginning of its JSON: it is shown to people, never written anywhere."""
    text = value if isinstance(value, str) else records.compact(value)
    return value if len(text) <= length else _short(text, length)
