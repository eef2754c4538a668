"""The pages of money that is in question."""

CONTROLLERS: list[type] = []
