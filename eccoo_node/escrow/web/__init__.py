"""The pages of money: one controller for each subject."""

from eccoo_node.escrow.web.export import ExportController
from eccoo_node.escrow.web.money import NAV, MoneyController
from eccoo_node.escrow.web.shares import SharesController
from eccoo_node.escrow.web.writing import WritingController

CONTROLLERS = [MoneyController, SharesController, WritingController, ExportController]

__all__ = ["CONTROLLERS", "NAV"]
