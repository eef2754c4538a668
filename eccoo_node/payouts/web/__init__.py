"""The pages of money going out."""

from eccoo_node.payouts.web.batches import BatchesController
from eccoo_node.payouts.web.ours import OursController
from eccoo_node.payouts.web.sent import SentController
from eccoo_node.payouts.web.where_to import WhereToController

CONTROLLERS = [WhereToController, OursController, BatchesController, SentController]
