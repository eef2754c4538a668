"""What the circle's admins decide about its node: which plugins run, and how it looks."""
