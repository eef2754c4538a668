"""Two made-up circles that know each other, to walk through: their people, their week, their link. Made through doors."""
