"""Writes `federation/schemas` and `federation/vectors` from the library: `python -m tools`, with `federation` on the path."""
