"""The pages of the bank: how to pay in, statements, whose money it is, and our own accounts."""

from eccoo_node.banking.web.accounts import AccountsController
from eccoo_node.banking.web.inbox import InboxController
from eccoo_node.banking.web.pay import PayController
from eccoo_node.banking.web.statements import StatementsController

CONTROLLERS = [AccountsController, InboxController, PayController, StatementsController]

__all__ = ["CONTROLLERS"]
