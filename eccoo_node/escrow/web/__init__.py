"""The pages of money: one controller for each subject."""

from eccoo_node.escrow.web.books import BooksController
from eccoo_node.escrow.web.capital import CapitalController
from eccoo_node.escrow.web.entries import EntriesController
from eccoo_node.escrow.web.export import ExportController
from eccoo_node.escrow.web.money import NAV, MoneyController
from eccoo_node.escrow.web.owing import OwingController
from eccoo_node.escrow.web.shares import SharesController
from eccoo_node.escrow.web.tracing import TracingController
from eccoo_node.escrow.web.weeks import WeeksController
from eccoo_node.escrow.web.writing import WritingController

CONTROLLERS = [
    BooksController, CapitalController, EntriesController, ExportController, MoneyController, OwingController,
    SharesController, TracingController, WeeksController, WritingController,
]  # fmt: skip

__all__ = ["CONTROLLERS", "NAV"]
