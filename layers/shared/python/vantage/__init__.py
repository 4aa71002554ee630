"""Vantage tells whether a website is up, from where, and since when."""

__version__ = "0.1.0"
