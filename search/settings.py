"""What strategies ask of their settings."""

from autopart.search.errors import SearchError


def at_least(least: int, **settings: int) -> None:
    """Raise SearchError for the first setting that is below `least`."""
    for name, value in settings.items():
        if value < least:
            raise SearchError(f"{name} is {value}: must be at least {least}")


def positive(**settings: float) -> None:
    """Raise SearchError for the first setting that is not above 0."""
    for name, value in settings.items():
        if not value > 0:
            raise SearchError(f"{name} is {value}: must be positive")


def in_unit_interval(**settings: float) -> None:
    """Raise SearchError for the first setting outside [0, 1]."""
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise SearchError(f"{name} is {value}: must lie in [0, 1]")
