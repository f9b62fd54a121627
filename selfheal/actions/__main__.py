"""``python -I -m selfheal.actions``: the step that runs a stage."""

import os
import sys

from selfheal.actions.job import main

if __name__ == "__main__":
    code = main(dict(os.environ))
    sys.stdout.flush()
    sys.exit(code)
