"""The embedded Kubernetes: an API server over HTTP, controllers, a scheduler, and a kubelet that runs programs from their description.

Belongs here: what a cluster does with the objects it is given, and in which words it says so. Not here: anything a
client does, how a repository is rendered (``selfheal.sandbox.gitops``), or knowledge of any scenario. Outcomes follow
from the objects and from what each image states about itself (:class:`behaviour.ImageBehaviour`), never from names.

``api/`` speaks HTTP, ``admission/`` judges what is to be stored, ``controllers/`` make objects out of objects,
``kubelet/`` makes pods live. All of them work on one :class:`cluster.Cluster` under its lock, in virtual time.
"""
