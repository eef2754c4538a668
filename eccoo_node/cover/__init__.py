"""Cover: someone can't come, and the person chooses what happens next."""
