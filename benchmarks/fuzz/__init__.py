"""Random programs, random states of them, and the judge of both laws; ``scripts/fuzz.py`` drives it."""
