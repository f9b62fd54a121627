"""What is particular to running inside GitHub Actions: inputs, outputs, annotations, masking, summaries.

A composite action (``action.yml``) calls `selfheal.actions.check` with the runner's own Python before anything is
installed, and then ``python -I -m selfheal.actions`` from an environment of its own. `inputs`, `commands` and `check` import
the standard library alone. What a stage does is no business of this package; it decides only what a stage is given and
what people see of it.
"""
