"""People: who they are to the circle, the hats they wear, who speaks for them, and how they come in."""
