"""Our own keys: how other circles know that it is us. They are renewed by themselves; the 24 words bring lost ones back."""
