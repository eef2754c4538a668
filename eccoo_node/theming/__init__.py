"""How a circle's node looks: themes are folders of colours, files and templates, checked before they are worn."""

from eccoo_node.theming.contrast import Pair, failing_pairs, ratio
from eccoo_node.theming.loader import Theme, Themes

__all__ = ["Pair", "Theme", "Themes", "failing_pairs", "ratio"]
