"""What Piccolo looks for by name. A running node never does: `rows.insert` hands it `DB`, and saves importing its commands."""

from piccolo.conf.apps import AppRegistry

from eccoo_node.db.proxy import DB

APP_REGISTRY = AppRegistry(apps=["eccoo_node.db.piccolo_app"])

__all__ = ["APP_REGISTRY", "DB"]
