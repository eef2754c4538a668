"""A team: the people around one person, who owns it."""
