"""``python -m selfheal.sandbox.kubernetes.fidelity RECORDINGS DOCUMENT``: measure, and write the table."""

from __future__ import annotations

import sys
from pathlib import Path

from selfheal.sandbox.kubernetes.fidelity.table import measure, table, write

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(Path(sys.argv[2]), table(*measure(Path(sys.argv[1]))))
