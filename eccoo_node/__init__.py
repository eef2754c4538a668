"""A circle node: one local circle's own server for its people, teams, rota and held money."""

__version__ = "0.1.0"
