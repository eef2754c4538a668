"""The admins' pages about other circles: linking, looking after a link, and being introduced."""

from eccoo_node.links.web.introducing import IntroductionsController
from eccoo_node.links.web.life import LifeController
from eccoo_node.links.web.linking import LinksController

CONTROLLERS = [LinksController, LifeController, IntroductionsController]
