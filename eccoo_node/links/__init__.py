"""Circles we know: what each may ask of the other, and the letters that go between them."""
