"""Pages, forms, sessions and errors: what every domain's own `web.py` builds on. Knows no domain."""
