"""Text as people read it: bytes, seconds and counts with units, and what notebooks and pages show around it.

Nothing here knows of programs, meshes or plans; every other room may use it.
"""
