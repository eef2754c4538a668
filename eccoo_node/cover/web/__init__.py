"""Pages of cover and, because they show both, of the whole week: home, the week, a visit, asking, offering, coming."""

from eccoo_node.cover.web.asks import AskController
from eccoo_node.cover.web.between import BetweenController
from eccoo_node.cover.web.by_phone import ByPhoneController
from eccoo_node.cover.web.choice import ChoiceController
from eccoo_node.cover.web.coming import ComingController
from eccoo_node.cover.web.costs import CostController
from eccoo_node.cover.web.home import HomeController
from eccoo_node.cover.web.offers import OfferController
from eccoo_node.cover.web.order import OrderController
from eccoo_node.cover.web.planning import PlanController
from eccoo_node.cover.web.requests import RequestController
from eccoo_node.cover.web.search import SearchController
from eccoo_node.cover.web.standing import DueController, StandingController
from eccoo_node.cover.web.week import WeekController
from eccoo_node.web.sessions import SessionActor
from eccoo_node.web.site import NavItem


def _gives_support(session: SessionActor) -> bool:
    actor = session.actor
    return not actor.acting_for and any(hat.role == "worker" and hat.kind == "circle" for hat in actor.hats)


NAV = (
    NavItem("/home", "Today", order=10),
    NavItem("/week", "Week", order=20),
    NavItem("/requests", "Elsewhere", _gives_support, order=30),
)
CONTROLLERS = [
    HomeController, WeekController, CostController, PlanController, ChoiceController, SearchController, OfferController, AskController,
    RequestController, ComingController, OrderController, ByPhoneController, BetweenController, StandingController,
    DueController,
]  # fmt: skip
