"""What is configured, what answers, what is missing, and how to mend it. Reads only; writes nothing anywhere.

One file an area; each yields findings that say what, why it matters and the exact fix. Printing is `selfheal.cli`'s.
"""

from selfheal.doctor.cluster import CLUSTER_READS
from selfheal.doctor.examination import document, examine, exit_code
from selfheal.doctor.finding import Check

__all__ = ["CLUSTER_READS", "Check", "document", "examine", "exit_code"]
