"""A plan: what a user gets, keeps, reads again, compares and proves."""
