"""Held money: paid in ahead, set aside for a visit, released when it has happened. Knows references, not people's care."""
