"""The version: written here alone, so that a checkout knows it too; ``setup.cfg`` reads it from here."""

from typing import Final

__version__: Final = "0.1.0"
