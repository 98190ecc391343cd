"""Equal layers found, proved equal, and left out of the program that a search prices.

``docs/folding.md`` walks through it with an example.
"""
