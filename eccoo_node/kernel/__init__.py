"""Leaves: words, numbers and times that everything else is made of. Knows no table and no page."""
