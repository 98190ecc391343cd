"""Families of statements: each picks what it reads, writes an expression, and says how far to trust the result."""
