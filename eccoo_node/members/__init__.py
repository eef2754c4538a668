"""People the circle knows, the communities they make, the hats they wear there, and who may speak for whom."""
