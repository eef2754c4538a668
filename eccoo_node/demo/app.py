"""A node of the demo: the whole node, and `/demo`."""

import msgspec

from eccoo_node.app import Shell, domain_parts, node_app
from eccoo_node.demo.web import CONTROLLERS
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings


def demo_app(settings: Settings, folder: DataFolder) -> Shell:
    parts = domain_parts()
    return node_app(
        settings, folder, parts=msgspec.structs.replace(parts, controllers=(*parts.controllers, *CONTROLLERS))
    )
