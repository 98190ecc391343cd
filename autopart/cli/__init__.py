"""The program ``autopart``: settings, run folders, verbs, and sweeps of runs."""
