"""The verification of a deployment: one bounded call that polls in Python, because a model that polls is cut off."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from selfheal import progress
from selfheal.errors import Refused
from selfheal.incidents.record import Verification
from selfheal.incidents.states import State
from selfheal.redaction import redactor
from selfheal.tools.base import BoundArguments, StageTool


class RolloutVerifyTool(StageTool):
    """Rollout and soak, measured until there is an outcome or the time is up."""

    name: str = "rollout_verify"
    description: str = (
        "Measures the deployment: that what was merged runs, that it is rolled out, that the fault is gone for the whole "
        "soak. One call takes minutes. Answers successful, ineffective, regressed, inconclusive or unfinished, with reasons."
    )
    args_schema: type[BaseModel] = BoundArguments

    def time_limit(self) -> float:
        """The stage's time: the measurement stops by itself before that is over."""
        return float(self._context.settings.limits.stage_timeout)

    def work(self, incident_key: str) -> dict[str, Any]:
        """The outcome, stored in the record before it is answered."""
        context = self._context
        if context.record.state is not State.VERIFICATION_IN_PROGRESS:
            raise Refused(
                f"{incident_key} is in {context.record.state}.",
                hint="Move it to VERIFICATION_IN_PROGRESS first.",
                code="wrong-state",
            )
        verification = context.verification(self._sampled).run()
        outcome = verification.outcome
        if outcome is not None and outcome.value in ("regressed", "inconclusive"):
            # Resolved and ineffective are stored with the step they prove; these two lead nowhere by themselves.
            context.store("verification", verification)
        clean = redactor()
        return {
            "outcome": outcome.value if outcome is not None else "unfinished",
            "reasons": [clean.text(text)[:300] for text in verification.reasons[:6]],
            "samples": verification.samples,
            "good_samples": verification.good_samples,
        }

    def _sampled(self, verification: Verification, *, phase: str, text: str, reason: str) -> None:
        """After each look: the claim is kept, people see how it goes."""
        self._context.keep_claim()
        progress.emit("sample", phase=phase, text=text, reason=reason)
