"""The pages of money that is in question: for the two sides, for those who help, for the safeguarding lead."""

from eccoo_node.disputes.web.helping import HelpingController
from eccoo_node.disputes.web.money import VisitMoneyController
from eccoo_node.disputes.web.waiting import WaitingController

CONTROLLERS = [VisitMoneyController, HelpingController, WaitingController]

__all__ = ["CONTROLLERS"]
