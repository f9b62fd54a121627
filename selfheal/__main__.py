"""``python -m selfheal``."""

from selfheal.cli import main

main()
