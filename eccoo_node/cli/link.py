"""`eccoo link`: what the admin's pages of linked circles do, from a shell."""

import sys
from urllib.parse import urlsplit

import click

from eccoo_federation.errors import ProtocolError
from eccoo_node.cli._node import Node, Plain, on_node
from eccoo_node.federating import handshake
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Broken, Conflict, NotFound
from eccoo_node.kernel.settings import LOOPBACK
from eccoo_node.links import (
    actions,
    carrying,
    ending,
    health,
    moves,
    queries,
    rules,
    say,
    say_health,
    superseding,
    words_again,
)
from eccoo_node.links.queries import Page

RUNNING = "A node that is running sends it within a second; one that is not, when it starts."


@click.group(cls=Plain)
def link() -> None:
    """Invite circles, compare the six words, agree, pause and end."""


async def _find(which: str) -> Page:
    """A link by its id or its circle's name, or the beginning of either. Raises NotFound, or Conflict for several."""
    known = await queries.pages()
    asked = which.strip().lower()
    found = [page for page in known if asked and asked in (page.circle.id, page.called.lower())]
    found = found or [page for page in known if asked and page.circle.id.startswith(asked)]
    found = found or [page for page in known if asked and page.called.lower().startswith(asked)]
    # A circle that was linked before is known twice; the link that stands is meant.
    standing = [page for page in found if page.circle.standing != "ended"]
    found = standing or found
    if not found:
        raise NotFound(
            f"There is no linked circle called {which}. `eccoo link list` names those there are.", "unknown_link"
        )
    if len(found) > 1:
        raise Conflict(
            f"More than one circle begins with {which}. Give the id that `eccoo link list` shows.", "several"
        )
    return await queries.page(found[0].circle.id)


@link.command("list")
@on_node()
async def list_links(node: Node) -> None:
    """Every circle we know, and how the link to it is."""
    known = await queries.pages()
    if not known:
        click.echo("No circle is linked yet. Begin with: eccoo link invite")
    now = clock.now()
    for page in known:
        _, state = say.standing(page.circle.standing, page.health.trouble)
        told = [f"{page.called} ({page.circle.id}): {state}"]
        if page.circle.standing == "open":
            seen = say.last_seen(page.health.last_seen_at, now, node.settings.zone)
            told.append(f"  last heard from: {seen[0].lower()}{seen[1:]}; letters waiting: {page.health.waiting}")
        if page.loud:
            told.append(f"  {say.loud(page.loud, page.called)[0]} Then: eccoo link rung")
        if page.moving_to and not page.moving_agreed:
            told.append("  they say that they have moved: eccoo link moved")
        if page.theirs is not None:
            told.append("  they suggest something: eccoo link agree")
        told += [f"  {said}" for said in (say.trouble(page.health.trouble), _clock(page)) if said]
        click.echo("\n".join(told))


@link.command()
@click.argument("circle")
@on_node()
async def show(node: Node, circle: str) -> None:
    """How the link with a CIRCLE is doing, and what to do where it is not well."""
    page = await _find(circle)
    report, now, zone = await health.report(page.circle.id), clock.now(), node.settings.zone
    lapsed = page.agreed_until is not None and page.agreed_until <= now
    _, state = say.standing(page.circle.standing, page.health.trouble, lapsed=lapsed)
    click.echo(f"{page.called} ({page.circle.id}): {state}")
    wrong = "" if page.superseded_by else say_health.in_one_line(report, page.called, zone)
    for said in (wrong, say_health.advice(report, page.called, page.circle.phone) if wrong else ""):
        if said:
            click.echo(said)
    rows = say_health.rows(report, now, zone, goes_on=not page.superseded_by)
    for name, value in [*rows, *say_health.figures(report)]:
        if value:
            click.echo(f"  {name}: {value}")
    for alarm in page.alarms:
        click.echo(f"  {alarm.at:%Y-%m-%d %H:%M} UTC: {say.alarm(alarm.code)}")
    going = [still for still in await ending.goes_on(page.circle.id) if still.kind != "stops"]
    if page.superseded_by:
        click.echo(f"  Linked anew, after everything was lost: {page.superseded_by}")
        for still in going:
            click.echo(f"  {'not settled, please ring them: ' if still.kind == 'open' else ''}{still.sentence}")
    elif page.put_away_for:
        click.echo(f"  Put away, because a newer invitation was taken up: {page.put_away_for}")
    elif page.circle.standing == "ended":
        for still in going:
            click.echo(f"  still going on: {still.sentence}")
        if not page.closed_at:
            click.echo("  It closes when nothing goes on any more.")
        elif not going:
            click.echo("  Everything is done.")


@link.command()
@click.argument("circle")
@on_node()
async def renew(node: Node, circle: str) -> None:
    """Go on with a CIRCLE for another year, on the terms that count now. It needs their yes too."""
    page = await _find(circle)
    await actions.renew(COMMAND, page.circle.id)
    after = await queries.page(page.circle.id)
    click.echo(
        f"You go on with {page.called} for another year." if after.ours is None else f"Now {page.called} is asked."
    )


def _clock(page: Page) -> str:
    wrong = say.clock_matters(page.health.clock_offset_s)
    return say.clock_offset(page.health.clock_offset_s) if wrong else ""


@link.command()
@on_node()
async def invite(node: Node) -> None:
    """Make an invitation. It works once, within two days, and is shown this once."""
    if urlsplit(node.settings.public_url).hostname in LOOPBACK and not node.settings.federation.loopback_peers:
        raise Broken(f"No other circle can reach {node.settings.public_url}: set web.public_url first.", "bad_setting")
    click.echo(await actions.make_invite(COMMAND))
    click.echo("Give this one line to whoever looks after the other circle’s node, and to nobody else.", err=True)


@link.command()
@click.argument("invitation")
@on_node()
async def accept(node: Node, invitation: str) -> None:
    """Take up an INVITATION (or - to read it from standard input), and show the six words."""
    text = sys.stdin.read() if invitation == "-" else invitation
    link_id = await actions.accept_invite(COMMAND, text)
    try:
        await handshake.shake_hands(link_id)
    except ProtocolError as refused:
        await handshake.trouble(link_id, refused)
        later = f" The node goes on trying. Later: eccoo link words {link_id}"
        raise Conflict(
            say.trouble(refused.code) + ("" if refused.code in rules.FINAL else later), refused.code
        ) from None
    await handshake.calm(link_id)
    _show_words(await queries.page(link_id))


@link.command()
@click.argument("circle")
@click.option("--same", is_flag=True, help="They are the same on both screens.")
@click.option("--different", is_flag=True, help="They are not: the link ends here.")
@click.option("--again", is_flag=True, help="One of the two has moved: make new words within the link.")
@on_node()
async def words(node: Node, circle: str, same: bool, different: bool, again: bool) -> None:
    """Show the six words of a CIRCLE, or say whether they are the same on both screens."""
    page = await _find(circle)
    _requires_standing(page)
    if again:
        await words_again.begin(COMMAND, page.circle.id)
        click.echo(f"New words are made with {page.called}. {RUNNING} Then: eccoo link words {page.circle.id}")
    elif same == different:
        _show_words(page)
    elif same:
        await actions.words_same(COMMAND, page.circle.id)
        click.echo(f"Now agree what each may ask: eccoo link agree {page.circle.id}")
    else:
        await actions.words_differ(COMMAND, page.circle.id)
        click.echo("The link has ended. Somebody may have stood between: ring them before you try again.")


def _requires_standing(page: Page) -> None:
    if page.circle.standing == "ended":
        raise Conflict(f"{page.called}: {rules.HAS_ENDED}", "link_ended")


def _show_words(page: Page) -> None:
    if not page.words:
        raise Conflict(f"There are no words yet. {say.trouble(page.health.trouble)}".strip(), "no_words")
    click.echo(f"{page.called}: {' '.join(page.words)}")
    if page.other_words and not page.words_said:
        click.echo("They take the place of six other words with them, which are no longer good.")
    if not page.words_said:
        click.echo("Ring them, on a number you had before today, and read these words to each other. Then:")
        click.echo(f"  eccoo link words --same {page.circle.id}    or    eccoo link words --different {page.circle.id}")


@link.command()
@click.argument("circle")
@click.option("--yes", is_flag=True, help="Do not ask; what is agreed is printed all the same.")
@on_node()
async def agree(node: Node, circle: str, yes: bool) -> None:
    """Say what would be agreed with a CIRCLE, and sign it."""
    page = await _find(circle)
    _requires_standing(page)
    if page.theirs is None and (page.ours is not None or page.agreed_until is not None):
        click.echo(f"{page.called} has not answered yet." if page.ours else f"We agree with {page.called} already.")
        return
    for title, lines in rules.sentences(page.theirs or rules.Terms(), page.called):
        click.echo(f"{title}:")
        for line in lines:
            click.echo(f"  {line}")
    carried = await carrying.shown(page.circle.id)
    if carried is not None:
        click.echo("From before:")
        for line in say.carried(carried, page.called):
            click.echo(f"  {line}")
        if not carried.said and (carried.we_lost or carried.old_name):
            click.echo(f"  If it is true: eccoo link before {page.circle.id} {carried.old_name or 'everything'!r}")
    if not yes:
        click.confirm("Do we agree to this?", abort=True)
    await actions.agree(COMMAND, page.circle.id, seen=page.proposal)
    click.echo(RUNNING)


@link.command()
@click.argument("circle")
@click.argument("old")
@on_node()
async def before(node: Node, circle: str, old: str) -> None:
    """Say which link of before this CIRCLE stands in for, because they or we lost everything: the OLD circle's name or
    id. "everything": one that we no longer know. "none" takes it back."""
    page = await _find(circle)
    if old in ("none", "everything"):
        chosen = "" if old == "none" else carrying.ALL_OF_IT
        told = "No link of before." if old == "none" else "We lost everything, and sign what their books say."
    else:
        asked, known = old.strip().lower(), await carrying.before(page.circle.id)
        found = [
            row for row in known if asked and (row["id"].startswith(asked) or row["name"].lower().startswith(asked))
        ]
        if len(found) != 1:
            listed = "".join(f"\n  {row['id']}: {say.before(row)}" for row in found or known)
            raise NotFound(f"Which link is meant? Give its id.{listed}", "unknown_link")
        chosen, told = found[0]["id"], f"{page.called} stands in for: {say.before(found[0])}"
    await superseding.stands_in_for(COMMAND, page.circle.id, chosen)
    click.echo(f"{told}\nThen: eccoo link agree {page.circle.id}")


@link.command()
@click.argument("circle")
@click.option("--yes", is_flag=True, help="They were rung, and it is true.")
@click.option("--no", is_flag=True, help="They were rung, and know nothing of it: the link is paused.")
@on_node()
async def moved(node: Node, circle: str, yes: bool, no: bool) -> None:
    """Show where a CIRCLE says it lives now, or say what they told us on the phone."""
    page = await _find(circle)
    if not page.moving_to:
        click.echo(f"{page.called} lives where it did: {page.circle.base_url}")
    elif no and not yes:
        await moves.refuse_move(COMMAND, page.circle.id)
        paused = "" if page.circle.standing == "ended" else ", and is paused"
        click.echo(f"The link with {page.called} stays where it was{paused}.")
    elif yes and not no:
        await moves.follow_move(COMMAND, page.circle.id, page.moving_to)
        click.echo(f"We look at {page.moving_to}, and go on there if it is really them. {RUNNING}")
    else:
        click.echo(f"Until now: {page.circle.base_url}\nThey say, from now on: {page.moving_to}")
        click.echo("Ring them, on a number you had before today, and let them read it to you. Then:")
        click.echo(f"  eccoo link moved --yes {page.circle.id}    or    eccoo link moved --no {page.circle.id}")


@link.command()
@click.argument("circle")
@on_node()
async def rung(node: Node, circle: str) -> None:
    """Say that a CIRCLE was rung about what went wrong; without it, the page goes on asking."""
    page = await _find(circle)
    await moves.heard_alarms(COMMAND, page.circle.id, max((alarm.id for alarm in page.alarms), default=0))
    click.echo("Noted.")


@link.command()
@click.argument("circle")
@on_node()
async def log(node: Node, circle: str) -> None:
    """Print the key log that we keep of a CIRCLE: it helps them where theirs was lost. It holds nothing secret."""
    page = await _find(circle)
    click.echo(await queries.kept_log(page.circle.id), nl=False)


@link.command()
@click.argument("circle")
@click.option("--because", default="", help="The reason, for our own record.")
@on_node()
async def suspend(node: Node, circle: str, because: str) -> None:
    """Pause the link with a CIRCLE at once. Visits already agreed are kept."""
    page = await _find(circle)
    await actions.suspend(COMMAND, page.circle.id, because)
    click.echo(f"The link with {page.called} is paused.")


@link.command()
@click.argument("circle")
@on_node()
async def resume(node: Node, circle: str) -> None:
    """Go on with a CIRCLE after a pause of ours."""
    page = await _find(circle)
    await actions.resume(COMMAND, page.circle.id)
    click.echo(
        f"The link with {page.called} goes on." if page.circle.standing != "suspended_by_them" else "They have paused."
    )


@link.command()
@click.argument("circle")
@click.option("--because", default="", help="The reason, for our own record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_node()
async def end(node: Node, circle: str, because: str, yes: bool) -> None:
    """End the link with a CIRCLE. Visits already agreed are honoured, what is owed is settled."""
    page = await _find(circle)
    if not yes:
        click.confirm(f"End the link with {page.called}?", abort=True)
    await actions.end(COMMAND, page.circle.id, because)
    click.echo(f"The link with {page.called} has ended.")
