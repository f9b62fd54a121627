"""What `selfheal init` writes into a user's repository, and how it never overwrites what a person changed.

Templates, the manifest made from the kinds that a snapshot reads, Jira's rules. Printing and questions are `selfheal.cli`'s.
"""
