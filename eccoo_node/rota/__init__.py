"""The week: who comes when, and what was said afterwards about how it went."""
