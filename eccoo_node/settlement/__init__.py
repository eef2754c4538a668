"""Making even with linked circles: statements both sides compare, what is set off, what is paid."""
