"""A JAX function as a flat dataflow graph.

``trace`` runs JAX's own tracing and writes what it gives as a ``Graph``: values and ops in program order, nested calls
inlined, loops and conditions in place between border ops, a few primitives rewritten into ones that can be tiled.
Nothing here knows of meshes. Patterns over argument paths and the names that ``tag`` gives live here too.
"""
