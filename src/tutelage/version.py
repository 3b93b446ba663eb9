"""The version, in one place: below every room, so that results can say which code made them."""

__all__ = ["__version__"]

__version__ = "0.1.0"
