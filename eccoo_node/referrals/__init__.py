"""People outside who ask for support or want to give some, and putting them in touch with the circle of their place."""
