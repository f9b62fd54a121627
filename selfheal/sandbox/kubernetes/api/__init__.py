"""The HTTP side: paths, verbs, lists, watches, patches and refusals. No controller logic."""
