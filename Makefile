# The commands of the README, by name.
.PHONY: demo test lint lock ci
demo:
	scripts/demo
test:
	scripts/test
lint:
	scripts/setup dev
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports
lock:
	scripts/lock
ci:
	.ci/run
