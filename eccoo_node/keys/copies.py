"""Our own key log as another circle keeps it."""

from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import Log, parse_log
from eccoo_node.kernel.errors import Invalid


def read_copy(text: str) -> Log:
    """Raises Invalid, with the field `log`."""
    try:
        return parse_log(text.strip().encode() + b"\n")
    except ProtocolError:
        raise Invalid("That is not a copy of a key log. Was all of it copied?", "bad_copy", field="log") from None
