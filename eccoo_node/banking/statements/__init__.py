"""Reading a bank's own files. Pure: bytes in, lines out, or the line and the reason why not. Nothing is ever guessed."""
