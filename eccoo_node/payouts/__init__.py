"""Money on its way out: where someone's money goes, and the batches in which the bank is asked to send it.

It reads what is ready out of the books and writes there when a file is made, when the bank has paid, and when it came back.
"""
