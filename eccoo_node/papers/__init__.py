"""Papers: what the circle writes out about money and cannot take back. Statements and invoices, each with its number.

A paper is made once out of the books, with every figure and word frozen. A wrong one is put right by a new one that
names it; both stay readable.
"""
