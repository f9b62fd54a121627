"""GitHub over loopback: the REST paths that PyGithub calls, in front of real bare git repositories.

Here belong the state GitHub keeps (accounts, pull requests, reviews, checks, protection), its rules and the shapes of
its answers. What a person or a build server would do from outside is in :mod:`.people` and :mod:`.automation`. Not
here: anything of the clients (`selfheal.pulls`, `selfheal.repository`), which this server is used to test.

===================  ==========================================================================
``app``              the server: routes, identities, limits, the Python API
``store``            what is remembered: accounts, repositories, issues, pull requests, checks
``hub``              what happens: a ref moves, a pull request opens, a review comes in
``repos``            one bare repository; the only file that starts git (with ``merging``, ``diffs``)
``web``              a call: who, to which repository, its body, pages, refusals
``shapes``           GitHub's JSON for what the store remembers
``smart_http``       clone, fetch and push
the other files      one group of REST routes each
===================  ==========================================================================
"""
