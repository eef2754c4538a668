"""`eccoo demo`: two made-up circles that know each other, on this machine."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--port", type=int, default=8000, show_default=True, help="The first circle’s port; the second has the next."
)
@click.option(
    "--dir",
    "root",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where both are kept.",
)
@click.option("--reset", is_flag=True, help="Begin afresh.")
def demo(port: int, root: Path, reset: bool) -> None:
    """Serve two linked circles with made-up people, until Ctrl-C. What you do there is kept."""
    # Pages and server are most of the start-up time, and no other command needs them.
    from eccoo_node.demo import running

    running.run(root.resolve(), port, reset=reset, say=click.echo)
