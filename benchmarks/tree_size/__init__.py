"""How large the tree of a search is, and what each analysis makes of it."""
