"""Virtual Observatory service for archives of interferometer products."""

__version__ = "0.1.0"
