"""What the circle has decided: in whose words, by whom, when, and when it is looked at again.

Rates, limits and rules of the circle change only with a decision that stands here.
"""
