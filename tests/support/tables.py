"""Every table of the core, in one list: what the first migration builds and the drift test compares."""

from importlib import import_module
from importlib.util import find_spec

from piccolo.table import Table

from eccoo_node.db.jobs import Job
from eccoo_node.record.audit import Audit, AuditChain, AuditText
from eccoo_node.record.events import Event

DOMAINS = (
    "members",
    "governance",
    "agreements",
    "escrow",
    "payouts",
    "banking",
    "links",
    "keys",
    "teams",
    "rota",
    "expenses",
    "disputes",
    "pools",
    "cover",
    "papers",
    "hmrc",
    "privacy",
    "referrals",
    "federating",
    "admin",
    "web",
)


def all_tables() -> list[type[Table]]:
    found: list[type[Table]] = [Job, Audit, AuditText, AuditChain, Event]
    for domain in DOMAINS:
        name = f"eccoo_node.{domain}.tables"
        if find_spec(f"eccoo_node.{domain}") and find_spec(name):
            found += import_module(name).TABLES
    return found
