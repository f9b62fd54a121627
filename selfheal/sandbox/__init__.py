"""The embedded default: JSM, GitHub and Kubernetes over loopback HTTP, with the same few files each.

Everything here is a server that the real client libraries talk to. Nothing outside `selfheal.cli` imports this
package, and this package imports no client code of the house: an emulator that shares its client's mistakes proves
nothing.
"""
