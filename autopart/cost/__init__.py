"""Seconds and bytes of a layout.

How much work an op is, what the compiler fuses, when values have buffers, what collectives take, and how compute and
links run side by side: kernels over the arrays of ``sharding``, priced by ``costmodel``.
"""
