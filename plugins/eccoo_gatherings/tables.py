"""The plugin's one table."""

from eccoo_node.plugin_api import Table, key, moment, prose, word


class Gathering(Table, tablename="x_gatherings_gathering"):
    """Something the circle does together, at one time in one place."""

    id = key()
    title = word(80)
    starts_at = moment()
    place = word(120)
    words = prose()
    added_by = word(36)
    added_at = moment()
    called_off_at = moment(null=True)
