"""What the bank says: the circle's own accounts, how to pay into them, and the statements that are read into the books.

A statement line is kept as the bank wrote it, once, however often its file is read. What became of it is written beside it.
"""
