"""Runs of a sweep side by side: each in a process of its own, whose end is noted and takes no other run along."""
