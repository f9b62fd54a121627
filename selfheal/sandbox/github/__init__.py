"""GitHub over loopback: the REST paths that PyGithub calls, in front of real bare git repositories.

Here belong the state GitHub keeps (accounts, pull requests, reviews, checks, protection), its rules and the shapes of
its answers. What a person or a build server would do from outside is in :mod:`.people` and :mod:`.automation`. Not
here: anything of the clients (`selfheal.pulls`, `selfheal.repository`), which this server is used to test.

===================  ==========================================================================
``app``              the server: routes, identities, limits, the Python API
``store``            what is remembered: accounts, repositories, issues, pull requests, checks
``hub``              what happens: a ref moves, a pull request opens, a review comes in
``timing``           the clock, and what waits for its hour
``repos``            one bare repository; the only file that starts git (with ``merging``, ``diffs``)
``web``              a call: who, to which repository, its body, pages, refusals
``shapes``           GitHub's JSON for what the store remembers
``smart_http``       clone, fetch and push
the other files      one group of REST routes each
===================  ==========================================================================

What differs from GitHub: merges follow no renames; ``mergeable`` is known at once unless
``hub.unknown_mergeability`` says otherwise; nothing runs in Actions, a run is a record; the signature of a commit is a
marker, not OpenPGP; CODEOWNERS, teams, rulesets, milestones, reactions, hooks and releases are not there; GraphQL
knows only ``viewer``. Answers are checked against GitHub's published description by
``tests/sandbox/github/test_shapes.py`` where ``SELFHEAL_GITHUB_OPENAPI`` names that file.
"""
