"""The pages of papers: one's own, and the desk of those who make and post them."""

from eccoo_node.papers.web.desk import DeskController
from eccoo_node.papers.web.own import PapersController

CONTROLLERS = [PapersController, DeskController]

__all__ = ["CONTROLLERS"]
