"""The wire between circles: what is sent, what is let in, and what is refused before any work is done."""
