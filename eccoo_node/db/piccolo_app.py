"""The one Piccolo app of the core."""

from piccolo.conf.apps import AppConfig

from eccoo_node.kernel.paths import shipped

APP_CONFIG = AppConfig(app_name="core", migrations_folder_path=str(shipped("migrations")), table_classes=[])
