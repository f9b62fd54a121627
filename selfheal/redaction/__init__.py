"""What may leave the process, and how it is escaped for each sink.

Everything that is read by a person, a model or another program passes here first: known secret formats and our own
credentials are replaced, then the text is escaped for where it goes. Deciding what to say is the caller's business.
"""

from selfheal.redaction.redactor import Redactor, redactor, register
from selfheal.redaction.sinks import adf_text, fence, html, markdown, terminal, workflow_command

__all__ = [
    "Redactor", "adf_text", "fence", "html", "markdown", "redactor", "register", "terminal", "workflow_command",
]  # fmt: skip
