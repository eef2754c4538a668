"""Looking after a node: its folder, its first day, and speaking to it from a command."""
