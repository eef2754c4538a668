"""A circle's gatherings: socials, training, walks. It comes with the node, and is found as a stranger's would be."""
