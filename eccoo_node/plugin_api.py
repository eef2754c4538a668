"""The only module that a plugin imports of the node. What stands here changes with `API_VERSION` and a note in the
changelog, and with nothing else.

Beside it a plugin may use msgspec (for its forms and settings) and Python's own library.
"""

from piccolo.table import Table

from eccoo_node.db.columns import flag, key, moment, number, prose, serial, word
from eccoo_node.kernel.clock import say_day, say_time, say_when
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from eccoo_node.plugins_host.acts import Add, Change
from eccoo_node.plugins_host.handle import Circle, Person, Request
from eccoo_node.plugins_host.hookspecs import Route, Tables, Way, hookimpl
from eccoo_node.plugins_host.manifest import API_VERSION, Plugin, Verb
from eccoo_node.web.forms import FormError
from eccoo_node.web.page import Page

__all__ = [
    "API_VERSION",
    "Add",
    "Change",
    "Circle",
    "Conflict",
    "Forbidden",
    "FormError",
    "Invalid",
    "NotFound",
    "Page",
    "Person",
    "Plugin",
    "Refusal",
    "Request",
    "Route",
    "Table",
    "Tables",
    "Verb",
    "Way",
    "flag",
    "hookimpl",
    "key",
    "moment",
    "number",
    "prose",
    "say_day",
    "say_time",
    "say_when",
    "serial",
    "word",
]
