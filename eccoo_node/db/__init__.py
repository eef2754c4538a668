"""The database: two engines that behave alike, one way to write, and the jobs that run from it."""

import os

# Piccolo finds the engine by this name; the module hands out whichever engine the present context has bound.
os.environ.setdefault("PICCOLO_CONF", "eccoo_node.db.piccolo_conf")
