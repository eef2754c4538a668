"""One circle with everything in it that a page can be about, twice: of Edith and of Harold. And who may want to see it.

What must not be seen is written in words that stand nowhere else, so that a page which shows it gives itself away.
"""

import hashlib
import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from eccoo_node.admin.actions import enable_plugin
from eccoo_node.agreements.actions import agree_terms
from eccoo_node.app import Shell, create_app, domain_parts
from eccoo_node.banking import actions as banking
from eccoo_node.banking.importing import write_statement
from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering
from eccoo_node.cover import queries as cover_queries
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.demo import web as demo
from eccoo_node.demo.cast import HEBDEN, PEOPLE
from eccoo_node.demo.place import Made, Place
from eccoo_node.demo.seeding import Seeded
from eccoo_node.escrow import chart, ledger, treasury
from eccoo_node.escrow.actions import release, set_aside, top_up
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import Across
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.treasury import finders_fee
from eccoo_node.expenses import actions as expenses
from eccoo_node.federating.app import FederationApp
from eccoo_node.hmrc import actions as hmrc
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import queries as links
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.members import queries as members
from eccoo_node.members.session_reads import session_actor
from eccoo_node.members.tables import Face, HatOffer, SafeContact, Session
from eccoo_node.papers.actions import make_invoice
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts import giving
from eccoo_node.payouts.changing import set_account as set_ours
from eccoo_node.payouts.ours import waiting as account_changes
from eccoo_node.pools.tables import PoolWorker
from eccoo_node.record.door import Act
from eccoo_node.rota import actions as rota
from eccoo_node.rota import patterns
from eccoo_node.rota.standing import Wanted
from eccoo_node.rota.telling import tell
from eccoo_node.settlement.tables import CircleBank, SettleAccount, SettleEntry, SettlePage
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.plugins import DecidedPlugins, migrations_begun
from tests.support.statements import line, starling
from tests.unit.hmrc.said import CIRCLE

THURSDAY = datetime.fromisoformat("2026-11-26T09:00:00+00:00")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SCOPES = ("ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went")
PICTURE = "iVBORw0KGgo="


class Hat(msgspec.Struct, frozen=True):
    """One of those who look: whom they act for, how, and what they are in a few words."""

    called: str
    words: str
    acting_for: str = ""
    via: str = "screen"


# In the order of the table's columns. The keys are as short as the columns are narrow.
HATS = {
    "none": Hat("", "nobody is signed in"),
    "mia": Hat("Mia", "a member who has to do with none of it"),
    "edit": Hat("Edith", "the person supported"),
    "haro": Hat("Harold", "another person supported, in the same circle"),
    "ruth": Hat("Ruth", "Edith's daughter, in her team as family; may do everything for her but money"),
    "rut*": Hat("Ruth", "the same, while she speaks for Edith", "Edith"),
    "nel*": Hat("Nell", "speaks for Edith in money alone, and does so", "Edith"),
    "cous": Hat("Cousin", "in Edith's team as family; may do nothing for her"),
    "alan": Hat("Alan", "Edith's son, in her team as family; may say how visits went, and nothing else"),
    "wren": Hat("Wren", "the worker whose visits to Edith these are"),
    "wre*": Hat("Wren", "the same, speaking for Edith: she may say how visits went", "Edith"),
    "wsi*": Hat("Winnie", "speaks for Wren, the worker, in everything", "Wren"),
    "pell": Hat("Pell", "another paid worker of Edith's team"),
    "ilsa": Hat("Ilsabet", "a worker of the circle who was asked, and offers herself elsewhere"),
    "zede": Hat("Zedekia", "a worker of the circle who was asked and said no"),
    "tom": Hat("Tomasz", "a volunteer of Edith's team, with one visit"),
    "fay": Hat("Fay", "a facilitator"),
    "fay+": Hat("Fay", "the same, writing down what Edith says on the phone", "Edith", "phone"),
    "solf": Hat("Solfrid", "a facilitator who is also a paid worker of Edith's team"),
    "tess": Hat("Tess", "the treasurer"),
    "adam": Hat("Adam", "an admin of the node"),
    "paul": Hat("Paul", "pays for Harold's support, and has no other part in it"),
}

# What only some may read: by what it is, the words that give it away.
SECRETS = {
    "Edith's address": "14 Heights Road",
    "Edith's telephone": "960222",
    "what is done for Edith, and so when": "Getting Edith up",
    "the way in": "Key safe 4711",
    "what must be known": "Salt in the porridge",
    "the words agreed for the phone": "purple heron",
    "Edith's account number": "71829304",
    "Wren's account number": "71829315",
    "what is set aside": "£62.80",
    "credit that is not set aside": "£12.34",
    "what we owe another circle": "£71.94",
    "words of the near offer": "I make good soup",
    "words of the far offer": "I grew up on the tops",
    "who was asked and waits": "Ilsabet has not answered",
    "who is rung to be asked": "Can you come to Edith",
    "that Edith would like to talk": "Edith would like to talk",
    "news of an offer that was taken back": "Someone who offered to come to Edith",
    "where Harold lives": "3 Nutclough Lane",
    "the way in to Harold": "Ring twice 9902",
    "who comes to Harold": "Wendell",
    "what is bought for Edith": "Liver salts",
    "what the bank says of a payment": "PECKET WELL MILL",
    "whom one goes to in another circle": "9 Far Side",
}


class World:
    """The rows, and the ids of what routes are about: by parameter, by what it is."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.node = pair, pair.a
        self.people: dict[str, str] = {}
        self.visits: dict[str, str] = {}
        self.things: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.shell: Shell

    async def actor(self, called: str, **acting: Any) -> Actor:
        return await members.actor_for(self.people[called], **acting)

    async def begin(self) -> "World":
        both_ways = (*BOTH_WAYS, "attest.read", "pool.read:first_name,areas")
        await self.pair.link(Terms(we_may=both_ways, they_may=both_ways))
        with self.node.bound():
            await migrations_begun(self.node)  # type: ignore[arg-type]
            await make.takes()
            await self._cast()
            for called, worker, other in (("Edith", "Wren", "Osric"), ("Harold", "Wendell", "Osric")):
                await self._supported(called, worker)
                await self._searches(called, other)
        await self._elsewhere()
        await self._far_offers()
        with self.node.bound():
            await self._rest()
            await self._sessions()
            self.shell = _shell(self.node)
            if isinstance(self.node.engine, NodeSQLite):
                # Thousands of forms are sent here, and nobody cuts the power.
                self.node.engine._writer.execute("PRAGMA synchronous = OFF")
            await self._plugin()
        self._demo()
        return self

    async def _cast(self) -> None:
        people, circle = self.people, await make.circle("Hebden circle")
        people["Edith"] = await make.person(
            "Edith", full_name="Edith Crabtree", address=SECRETS["Edith's address"], phone="01422 960222"
        )
        people["Harold"] = await make.person("Harold", address=SECRETS["where Harold lives"], phone="01422 960333")
        for called in ("Mia", "Ruth", "Nell", "Cousin", "Alan", "Winnie", "Tomasz", "Fay", "Tess", "Adam", "Paul"):
            email = f"{called.lower()}@example.test"
            people[called] = await make.person(called, address="", channel="email", email=email)
        for called, pence in (("Wren", 3140), ("Pell", 2900), ("Solfrid", 2900), ("Wendell", 2900)):
            people[called] = await make.worker(called, rate_pence=pence, words="")
        for called in ("Ilsabet", "Zedekia"):
            people[called] = await make.worker(called, rate_pence=3000, words="")
        people["Osric"] = await make.worker("Osric", rate_pence=4000, words=SECRETS["words of the near offer"])
        roles = {"Mia": "member", "Fay": "facilitator", "Solfrid": "facilitator", "Tess": "treasurer", "Adam": "admin"}
        for called, role in roles.items():
            await make.hat(people[called], circle, role)
        await make.speaks(people["Ruth"], people["Edith"], *SCOPES)
        await make.speaks(people["Nell"], people["Edith"], "money")
        for called in ("Wren", "Alan"):
            await make.speaks(people[called], people["Edith"], "say_visit_went")
        await make.speaks(people["Winnie"], people["Wren"], *SCOPES, "money")

    async def _supported(self, called: str, worker: str) -> None:
        """A person with a team, facts, a payer with credit, and visits in each state but the gaps."""
        people, own = self.people, self.people[called]
        edith = called == "Edith"
        team = await make.team(own)
        roles = {
            "Ruth": "family",
            "Cousin": "family",
            "Alan": "family",
            "Wren": "worker",
            "Pell": "worker",
            "Solfrid": "worker",
            "Tomasz": "volunteer",
        }
        for who, role in (roles if edith else {"Wendell": "worker"}).items():
            await make.hat(people[who], team, role)
        way_in = SECRETS["the way in" if edith else "the way in to Harold"]
        await make.care_facts(own, way_in=way_in, must_know=SECRETS["what must be known"] if edith else "")
        payer = await make.payer(own, own if edith else people["Paul"], said_yes_at=clock.now())
        # Enough for the visits below, and what is left is no other sum.
        spent = 5 * (6280 if edith else 5800) + (7777 if edith else 0)
        await top_up(await self.actor("Tess"), payer, spent + 1234, key=f"top up {called}")
        for side in (own, people[worker]):
            await agree_terms(
                await members.actor_for(side), person_id=own, worker_id=people[worker], payer_id=payer,
                rate_pence=3140 if edith else 2900,
            )  # fmt: skip
        async with write():
            await insert(Face(person_id=own, media_type="image/png", data=PICTURE, changed_at=self.node.clock()))
            await insert(
                SafeContact(
                    person_id=own, channel="phone", agreed_words=SECRETS["the words agreed for the phone"] if edith else "",
                    changed_at=self.node.clock(),
                )
            )  # fmt: skip
        days = {"planned": 0, "gap": 1, "dear": 2, "past": -4, "said": -5}
        for name, day in days.items():
            await self._visit(called, name, worker, THURSDAY + day * DAY, 2)
        await rota.say_how_it_went(
            await members.actor_for(people[worker]), visit_id=self.visits[f"{called}’s said"], answer="as_planned"
        )
        if edith:
            await self._owed(payer)
            await self._visit(called, "volunteer’s", "Tomasz", THURSDAY + 6 * HOUR, 1)
            await cover.talk(await self.actor(called), visit_id=self.visits["Edith’s planned"], about="talk")
        gaps = [self.visits[f"{called}’s {name}"] for name in ("gap", "dear")]
        await rota.cant_come(await members.actor_for(people[worker]), visit_ids=gaps)

    async def _owed(self, payer: str) -> None:
        """A debt to the other circle, for what one of theirs did on a day that is past."""
        line, own = f"visit:{self.visits['Edith’s past']}:far", self.people["Edith"]
        across = Across(self.pair.link_id)
        assert await set_aside(NODE, line, payer, own, "far", 7777, 0, "far aside", across=across)
        await release(NODE, line, "far released")

    async def _stated(self) -> None:
        """What the other circle stated, with a visit that our books do not know, and where its money goes."""
        link, now = self.pair.link_id, self.node.clock()
        page = SettlePage(
            link_id=link, k=1, period="2026-10", starts_on="2026-10-01", ends_on="2026-10-31", closing_pence=9191,
            hash="h" * 43, state="answered", made_at=now, answered_at=now, even_at=now, off_pence=0, left_pence=9191,
        )  # fmt: skip
        async with write():
            await insert(SettleAccount(link_id=link, theirs_open_pence=9191))
            await insert(page)
            entry = SettleEntry(page_id=page.id, request="r", n=1, amount_pence=9191, other_pence=0, state="disputed")
            await insert(entry)
            bank = CircleBank(
                link_id=link, name="Todmorden", sort_code="203002", account_number="00004588", given_at=now,
                given_by=self.people["Tess"],
            )  # fmt: skip
            await insert(bank)
        self.things["settle_page"], self.things["circle_bank"] = {"theirs": str(page.id)}, {"theirs": str(bank.id)}
        self.things["settle_entry"] = {"theirs": str(await fetch_value("SELECT MAX(id) FROM settle_entry"))}

    async def _visit(self, called: str, name: str, worker: str, at: datetime, hours: int) -> None:
        self.visits[f"{called}’s {name}"] = await rota.plan_visit(
            NODE, person_id=self.people[called], worker_id=self.people[worker], starts_at=at,
            ends_at=at + hours * HOUR, what=f"Getting {called} up",
        )  # fmt: skip

    async def _searches(self, called: str, near: str) -> None:
        """One that waits for answers, with offers of both kinds; one that waits for the payer's yes."""
        people, own = self.people, await self.actor(called)
        asked = ("Ilsabet", "Zedekia", near)
        things = self.things
        for name, workers in (("gap", asked), ("dear", (near,))):
            visit = self.visits[f"{called}’s {name}"]
            assert await cover.ask(own, visit_id=visit, worker_ids=[people[w] for w in workers]) == "done"
            found = await cover_queries.request_for(visit)
            assert found is not None
            things.setdefault("request_id", {})[f"{called}’s {name}"] = found.id
            for ask in await cover_queries.near_asks(found.id):
                things.setdefault("ask_id", {})[f"{called}’s {name} to {ask.called}"] = ask.id
                if ask.called in {near, "Zedekia"}:
                    worker = await members.actor_for(ask.worker_id)
                    await cover.answer_near(worker, ask_id=ask.id, yes=ask.called == near)
            offers = await cover_queries.offers(found.id)
            things.setdefault("cover_offer", {})[f"{called}’s {name} near"] = offers[0].id
            if name == "dear":
                assert await cover.choose(own, offer_id=offers[0].id, words="Yes") == "wants_payer"
                continue
            assert await cover.ask_further(own, request_id=found.id, words="Yes") == "done"

    async def _far_offers(self) -> None:
        """Someone of the other circle offers to come to both, with a picture."""
        b = self.pair.b
        await self.pair.settle()
        with b.bound():
            bea = await make.worker("Beatrix", rate_pence=3300)
            for opened in await cover_queries.open_requests(b.clock()):
                await offering.offer(
                    await members.actor_for(bea), open_request_id=opened.id, worker_id=bea, rate_pence=3300,
                    own_words=SECRETS["words of the far offer"], words="Yes",
                )  # fmt: skip
        await self.pair.settle()
        with self.node.bound():
            async with write():
                await fetch("UPDATE cover_offer SET face = ?, face_media = 'image/png' WHERE link_id <> ''", PICTURE)
            for called in ("Edith", "Harold"):
                found = await cover_queries.offers(self.things["request_id"][f"{called}’s gap"])
                self.things["cover_offer"][f"{called}’s gap far"] = next(o.id for o in found if o.link_id)

    async def _elsewhere(self) -> None:
        """The other circle: what it has, and what it asks of ours."""
        b = self.pair.b
        with b.bound():
            await make.takes()
            circle = await make.circle("Todmorden circle")
            wilf = await make.person("Wilf", address="9 Far Side", phone="01706 960999")
            bea, tess = await make.worker("Bea", rate_pence=3000), await make.person("Tess")
            await make.hat(tess, circle, "treasurer")
            team, payer = await make.team(wilf), await make.payer(wilf)
            await make.hat(bea, team, "worker")
            await make.care_facts(wilf)
            await top_up(await members.actor_for(tess), payer, 100_000, key="top up")
            for side in (wilf, bea):
                await agree_terms(
                    await members.actor_for(side), person_id=wilf, worker_id=bea, rate_pence=3000, payer_id=payer
                )
            for day in range(4):
                visit = await rota.plan_visit(
                    NODE, person_id=wilf, worker_id=bea, starts_at=THURSDAY + (day + 4) * DAY,
                    ends_at=THURSDAY + (day + 4) * DAY + 2 * HOUR, what="Breakfast",
                )  # fmt: skip
                await rota.cant_come(await members.actor_for(bea), visit_ids=[visit])
                own = await members.actor_for(wilf)
                await cover.ask(own, visit_id=visit, worker_ids=[], by_wish=True)
                found = await cover_queries.request_for(visit)
                assert found is not None
                await cover.ask_further(own, request_id=found.id, words="Yes")
            self.theirs = {"visit_id": visit, "person_id": wilf, "team_id": team, "request_id": found.id}
        await self.pair.settle()
        await self._offers_there()
        with b.bound():
            coming = await fetch_value(
                "SELECT id FROM cover_offer WHERE first_name = 'Ilsabet' ORDER BY hold_until LIMIT 1"
            )
            assert await cover.choose(await members.actor_for(wilf), offer_id=coming, words="Yes") == "done"
        await self.pair.settle()
        assert await self.pair.troubles() == []

    async def _offers_there(self) -> None:
        with self.node.bound():
            opened = await cover_queries.open_requests(self.node.clock())
            assert len(opened) == 4
            self.things["open_id"] = {"open request": opened[3].id, "answered request": opened[1].id}
            offers = self.things["offer_id"] = {}
            for name, at in (("Ilsabet’s coming", 0), ("Ilsabet’s offered", 1), ("Zedekia’s offered", 2)):
                who = name.partition("’")[0]
                offers[name] = await offering.offer(
                    await self.actor(who), open_request_id=opened[at].id, worker_id=self.people[who], own_words="",
                    rate_pence=3000, words="Yes",
                )  # fmt: skip
        await self.pair.settle()

    async def _rest(self) -> None:
        """What is left to name: people, teams, news, offered roles, the link, a plugin, and what exists only elsewhere."""
        things, both = self.things, ("Edith", "Harold")
        things["visit_id"] = dict(self.visits)
        things["person_id"] = {called: self.people[called] for called in (*both, "Wren", "Fay")}
        things["team_id"] = {f"{called}’s team": await members.team_of(self.people[called]) for called in both}
        things["told_id"] = {
            f"{called}’s news": await fetch_value(
                "SELECT id FROM told WHERE person_id = ? ORDER BY id LIMIT 1", self.people[called]
            )
            for called in both
        }
        await self._bought()
        things["role_id"], things["link_id"] = {}, {"the link": self.pair.link_id}
        things["neighbour_id"] = {"someone of the other circle": await self._shown()}
        await self._stated()
        # Looked after by admins alone, like the link; what is not there is refused by the same rule.
        things["introduction_id"] = {"none": "00000000-0000-7000-8000-000000000000"}
        things["erasure_out"] = {"none": "00000000-0000-7000-8000-000000000000"}
        # The newest news of a visit is the one that stands.
        self.node.clock.move(timedelta(minutes=1))
        async with write():
            await tell({self.people["Edith"]}, self.visits["Edith’s gap"], "not_after_all")
            for called, to in (("Edith", "Mia"), ("Harold", "Paul")):
                row = HatOffer(
                    community_id=await members.team_of(self.people[called]), person_id=self.people[to], role="neighbour",
                    offered_by=self.people[called], offered_via="screen", offered_at=self.node.clock(),
                )  # fmt: skip
                await insert(row)
                things["role_id"][f"{called}’s to {to}"] = str(row.id)
        for called in both:
            payer = await fetch_value("SELECT id FROM payer WHERE person_id = ?", self.people[called])
            entry = await finders_fee(await self.actor("Tess"), payer, 4321, f"fee {called}")
            things.setdefault("paper_id", {})[f"{called}’s"] = await make_invoice(NODE, payer, entry=entry)
        things["what"] = {"a statement": "statement"}
        things["name"], things["id"] = {"gatherings": "gatherings"}, {"a gathering": new_id()}
        things["hat_id"] = {
            "a treasurer’s hat": await fetch_value("SELECT id FROM hat WHERE role = 'treasurer' ORDER BY from_at, id")
        }
        things["decision_id"] = {"the decision": await fetch_value("SELECT id FROM decision")}
        await self._bank()
        things["stop"], things["kind"] = {"a later time": "two-days"}, {"a gift": "gift"}
        things["figure"] = {"a number": "weekly_day"}
        things["pattern_id"] = {}
        for called, worker in (("Edith", "Wren"), ("Harold", "Wendell")):
            wanted = Wanted(
                self.people[called], self.people[worker], (6,), time(21), time(22), f"Getting {called} up",
                date(2027, 2, 1),
            )  # fmt: skip
            things["pattern_id"][f"{called}’s"] = await patterns.plan_weekly(await self.actor(called), wanted=wanted)
        things["reference"] = {"Edith’s visit": "visit:" + self.visits["Edith’s planned"]}
        await self._payouts()
        tess, year = await self.actor("Tess"), self.node.clock().year
        await hmrc.set_operator(tess, CIRCLE)
        (report,) = await hmrc.make_report(tess, year - 1)
        things["report_id"], self.theirs["report_id"] = {"a report": str(report)}, "999999"
        # Harold says that it was shorter: a part of that visit is in question.
        harold = await self.actor("Harold")
        await rota.answer_visit(harold, visit_id=self.visits["Harold’s said"], answer="partly", minutes=60)
        things["question_id"] = {"Harold’s question": await fetch_value("SELECT id FROM money_question")}
        things["pause_id"] = {}
        for param, known in things.items():
            known["elsewhere"] = self.theirs.get(param, new_id())
        assert (await links.circle(self.pair.link_id)).name == "Todmorden circle"
        coming = await cover_queries.mine(things["offer_id"]["Ilsabet’s coming"])
        assert (coming.state, (coming.told or {})["address"]) == ("coming", "9 Far Side")

    async def _payouts(self) -> None:
        """Bank accounts, one of which nobody has made sure of; a refund on its way, and one that waits for its file."""
        own, tess, fay = await self.actor("Edith"), await self.actor("Tess"), await self.actor("Fay")
        payer, things = await fetch_value("SELECT id FROM payer WHERE person_id = ?", self.people["Edith"]), self.things
        day = self.node.clock().date()
        for person, number in (
            (own, SECRETS["Edith's account number"]),
            (await self.actor("Wren"), SECRETS["Wren's account number"]),
        ):
            await giving.give_details(person, person.person_id, name="E C", sort_code="204060", account_number=number)
        edith = {"sort_code": "204060", "account_number": SECRETS["Edith's account number"]}
        await giving.confirm_details(fay, own.person_id, how="paper", **edith)
        things["batch_id"] = {}
        for name in ("the batch", "a batch that waits"):
            await top_up(tess, payer, 321, key=f"for {name}")
            await treasury.refund(tess, payer, 321, f"refund for {name}")
            things["batch_id"][name] = await payouts.make_batch(tess, pay_on=day, key=name)
            if name == "the batch":
                await payouts.file_batch(tess, things["batch_id"][name])
        things["bank_file"] = {"the batch’s list": "csv"}
        things["payment_id"] = {"a payment": await fetch_value("SELECT id FROM payout_payment WHERE state = 'sent'")}
        # Mia has sent money for shares, and Wren is to give something back.
        await treasury.share_applied(tess, self.people["Mia"], 2500, "applied")
        async with write():
            owing = [Leg(chart.worker_owes(self.people["Wren"]), chart.OPERATING, 77)]
            await ledger.post(Act(tess, "test", "act"), Draft(kind="owes", key="owes", body={}), owing)
        things["member_id"] = {"Mia": self.people["Mia"]}
        things["worker_id"] = {"Wren": self.people["Wren"]}

    async def _bought(self) -> None:
        """Something was bought for each, and waits for an answer; and someone offers Edith terms."""
        things, found = self.things, self.things.setdefault("expense_id", {})
        for called, worker in (("Edith", "Wren"), ("Harold", "Wendell")):
            own = self.people[called]
            payer = await fetch_value("SELECT id FROM payer WHERE person_id = ?", own)
            await top_up(await self.actor("Tess"), payer, 500, key=f"shopping {called}")
            purpose = SECRETS["what is bought for Edith"] if called == "Edith" else "Stamps"
            found[f"{called}’s"] = await expenses.agree(
                await self.actor(called),
                person_id=own,
                worker_id=self.people[worker],
                purpose=purpose,
                ceiling_pence=500,
            )
            await expenses.say_cost(
                await self.actor(worker), expense_id=found[f"{called}’s"], cost_pence=450, photo=b"drawn"
            )
        offer = await agree_terms(
            await self.actor("Pell"), person_id=self.people["Edith"], worker_id=self.people["Pell"], rate_pence=2900
        )
        things["terms_id"] = {"Pell’s offer to Edith": offer.id}
        async with write():
            await fetch("UPDATE payer SET fund = 'direct_payment' WHERE person_id = ?", self.people["Harold"])

    async def _shown(self) -> str:
        """A worker of the other circle who lets people here see them."""
        link, now = self.pair.link_id, self.node.clock()
        shown = PoolWorker(link_id=link, reference="r", first_name="Vesna", reading=1)
        async with write():
            await insert(shown)
            await fetch("UPDATE pool_link SET read_at = ?, reading = 1 WHERE link_id = ?", now, link)
        return str(shown.id)

    async def _bank(self) -> None:
        """Our account, a file that waits, a payment that nobody has explained, and what each payer writes beside theirs."""
        tess, says = await self.actor("Tess"), SECRETS["what the bank says of a payment"]
        account = await banking.set_account(
            tess, "1000", name="Circle", sort_code="990000", account_number="10002000", layout="starling"
        )
        await set_ours(tess, "1010", name="Circle", sort_code="990000", account_number="10101010")
        await set_ours(tess, "1010", name="Circle", sort_code="990000", account_number="10101011")
        (change,) = await account_changes(tess)
        self.things["change_id"] = {"our new account": change.id}
        await banking.references({})
        drafts = [
            await banking.read_statement(tess, account, "", starling([line("2026-11-20", 100 + at, says)]))
            for at in (0, 1)
        ]
        await write_statement(tess, drafts[0])
        self.things["draft_id"], self.things["code"] = {"a file": drafts[1]}, {"our account": "1000"}
        self.things["line_id"] = {"a payment": str(await fetch_value("SELECT id FROM bank_line"))}
        self.things["entry_id"] = {"money that came in": str(await fetch_value("SELECT MIN(id) FROM entry"))}
        self.things["payer_id"] = {
            f"{called}’s payer": await fetch_value("SELECT id FROM payer WHERE person_id = ?", self.people[called])
            for called in ("Edith", "Harold")
        }

    async def _plugin(self) -> None:
        """Gatherings is switched on, and there is one."""
        host = self.shell.plugins
        assert host is not None
        await host.reload()
        found = host.found["gatherings"]
        assert await enable_plugin(await self.actor("Adam"), found, found.approval())
        await host.reload()
        async with write():
            await fetch(
                "INSERT INTO x_gatherings_gathering (id, title, starts_at, place, words, added_by, added_at) "
                "VALUES (?, 'Tea', ?, 'The Pavilion', '', ?, ?)",
                self.things["id"]["a gathering"], THURSDAY, self.people["Adam"], self.node.clock(),
            )  # fmt: skip

    def _demo(self) -> None:
        """The node as one of the two of a demo, so that its walk has something to show."""
        cast = dict.fromkeys(PEOPLE[HEBDEN], self.people["Mia"])
        cast |= {"edith": self.people["Edith"], "joan": self.people["Ruth"]}
        seeded = Seeded(cast, [self.people["Harold"]], self.visits["Edith’s gap"])
        Place.around(self.node.folder).keep(Made(8000, THURSDAY.date() - timedelta(days=3), {HEBDEN: seeded}))

    async def _sessions(self) -> None:
        now = self.node.clock()
        async with write():
            for key, hat in HATS.items():
                if not hat.called:
                    continue
                self.tokens[key] = f"the token of {key}"
                row = Session(
                    token_hash=hashlib.sha256(self.tokens[key].encode()).hexdigest(), person_id=self.people[hat.called],
                    device="", signed_in_by="link", acting_for=self.people.get(hat.acting_for, ""),
                    acting_via=hat.via if hat.acting_for else "", known_by="rang_back" if hat.via == "phone" else "",
                    acting_since=now if hat.acting_for else None, created_at=now, seen_at=now, ends_at=now + 30 * DAY,
                )  # fmt: skip
                await insert(row)
                if key in {"edit", "haro"}:
                    self.things.setdefault("session_id", {})[f"{hat.called}’s"] = str(row.id)
        self.things["session_id"]["elsewhere"] = new_id()


def _shell(node: PairNode) -> Shell:
    """Every page of a demo's node and what it answers other circles, without its jobs."""
    parts, federation = domain_parts(), FederationApp()
    shell = create_app(
        node.settings, node.folder, engine=node.engine, clock=node.clock, node_id=node.wire.us.node_id,
        load_session=session_actor, services=(), plugins=DecidedPlugins(),
        parts=msgspec.structs.replace(parts, controllers=(*parts.controllers, *demo.CONTROLLERS)),
        mounts={"/fed": federation, "/.well-known/circle-node": federation},
    )  # fmt: skip
    shell.bindings.append(node.wire.bound)
    return shell


# Written by whoever is refused, too: that it was refused, that a form came once, how often it was tried.
_BESIDE = frozenset({"audit", "audit_text", "audit_link", "form_sent", "attempt", "touched", "migration_done"})


class Watched:
    """The node's database as it stood at first, what touches it, and the way back."""

    def __init__(self, path: Any) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as live:
            live.execute("CREATE TABLE touched (n INTEGER NOT NULL)")
            live.execute("INSERT INTO touched VALUES (0)")
            tables = [row[0] for row in live.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table in _BESIDE or table.startswith("sqlite_"):
                    continue
                for verb in ("INSERT", "UPDATE", "DELETE"):
                    live.execute(
                        f'CREATE TRIGGER "touched_{table}_{verb}" AFTER {verb} ON "{table}" '
                        "BEGIN UPDATE touched SET n = n + 1; END"
                    )
            live.commit()
            self.first = sqlite3.connect(":memory:")
            live.backup(self.first)
        self.eye = sqlite3.connect(path)

    def version(self) -> int:
        """Changes whenever anybody else has written anything at all."""
        return int(self.eye.execute("PRAGMA data_version").fetchone()[0])

    def touched(self) -> int:
        """How many rows were written since the beginning, but for the traces a refusal leaves."""
        return int(self.eye.execute("SELECT n FROM touched").fetchone()[0])

    def go_back(self) -> None:
        with closing(sqlite3.connect(self.path)) as live:
            self.first.backup(live)

    def close(self) -> None:
        self.first.close()
        self.eye.close()
