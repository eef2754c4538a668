"""What happens to money that is in question: which part waits, who may say how it is split, and what both sides read.

Only the part in question waits. Two people can settle it between themselves; else somebody of the circle who has no part
in it decides, once both have been heard.
"""
