"""The root of every exception that this package raises on purpose."""


class SearchError(Exception):
    """A mistake of the caller: a goal, budget, prior or game that cannot be searched as it stands."""
