"""A node with pages that show every macro in every state; only for looking at, and for tests to look at."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.app import Parts, Shell, create_app
from eccoo_node.db.engine import NodeEngine
from eccoo_node.escrow.web.weeks import part
from eccoo_node.escrow.weeks import SHOWN, Week
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, Settings, WebSettings
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.front import FrontController
from eccoo_node.web.health import HealthController
from eccoo_node.web.page import redirect, render
from eccoo_node.web.sessions import keep_session
from eccoo_node.web.site import NavItem


class Someone(msgspec.Struct):
    called: str
    id: str = "p1"
    face: str = ""
    words: str = ""
    joined: bool = True


class Session(msgspec.Struct):
    actor: Actor
    session_id: str
    called: str
    acting_for_called: str = ""
    relation: str = ""
    large_print: bool = False


SESSIONS = {
    hash_secret("ada"): Session(Actor("ada"), "s1", "Ada"),
    hash_secret("ruth"): Session(Actor("ruth", acting_for="ada"), "s2", "Ruth", "Ada", "daughter"),
    hash_secret("maryam"): Session(
        Actor("maryam", via="phone", acting_for="ada", known_by="words"), "s3", "Maryam", "Ada"
    ),
}


async def load_session(token_hash: str) -> Session | None:
    return SESSIONS.get(token_hash)


ADA, ILSE, TOMASZ, WREN = Someone("Ada"), Someone("Ilse"), Someone("Tomasz Wiśniewski-Okonkwo"), Someone("Wren")
TEAM = [
    Someone("Ruth", words="Ada’s daughter, speaks for her"), Someone("Ilse", words="Worker, comes on Mondays"),
    Someone("Bronwen", words="Worker"), Someone("Tomasz", words="Neighbour"),
    Someone("Maryam", words="Asked to join", joined=False),
]  # fmt: skip


class Visit(msgspec.Struct):
    path: str
    person: Someone
    time: str
    place: str
    state: tuple[str, str]


class Day(msgspec.Struct):
    words: str
    today: bool
    visits: list[Visit]


TIMES = ("9am to 11am", "6pm to 6.30pm")
STATES = (("certain", "is coming"), ("waiting", "we’ve asked"), ("open", "needs someone"))


def week() -> list[Day]:
    """A week with days of no, one and two visits, in every state."""
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    days = []
    for i, name in enumerate(names):
        visits = [
            Visit("/gallery/visit", (ILSE, WREN, TOMASZ)[(i + n) % 3], TIMES[n], "HX7, at home", STATES[(i + n) % 3])
            for n in range((i + 1) % 3)
        ]
        days.append(Day(f"{name} {23 + i} November", i == 0, visits))
    return days


# As many weeks as are ever shown, with sums as long as a circle's are.
WEEKS = [Week(date(2026, 10, 5) + timedelta(days=7 * n), 1_299_350, 1_048_825, 1_012_345) for n in range(SHOWN)]


class GalleryForm(msgspec.Struct):
    next: Literal["else", "time", "without", "talk"]
    visits: list[str]
    first: str = ""
    amount: int | None = None
    words: Annotated[str, msgspec.Meta(max_length=20)] = ""
    agree: bool = False
    SAY: ClassVar[dict[str, str]] = {"next": "Please choose what happens next."}


class GalleryController(Controller):
    include_in_schema = False
    done: ClassVar[list[GalleryForm]] = []

    @get("/gallery/in/{who:str}", opt={"action": "public"})
    async def sign_in(self, request: AnyRequest, who: FromPath[str]) -> Response[Any]:
        answer = redirect(request, "/gallery/home")
        keep_session(request, answer, who)
        return answer

    @get("/gallery/{name:str}", opt={"action": "public"})
    async def show(self, request: AnyRequest, name: FromPath[str]) -> Response[Any]:
        return render(
            request, f"gallery/{name}.html", ada=ADA, ilse=ILSE, tomasz=TOMASZ, team=TEAM, days=week(),
            parts=[part("The whole circle", WEEKS, {"aside": "Set aside", "earned": "Earned", "paid": "Sent out"})], about="",
        )  # fmt: skip

    @get("/gallery/fail/{kind:str}", opt={"action": "public"})
    async def fail(self, kind: FromPath[str]) -> Response[Any]:
        raise {
            "invalid": Invalid("Choose a later day.", "too_early"), "missing": NotFound(), "forbidden": Forbidden(),
            "conflict": Conflict("This one has closed.", "closed"),
        }.get(kind, ZeroDivisionError("a planted name"))  # fmt: skip

    @get("/gallery/mine", opt={"action": "signed_in"})
    async def mine(self, request: AnyRequest) -> Response[Any]:
        return render(request, "gallery/visit.html", ada=ADA)

    @get("/gallery/form", opt={"action": "public"})
    async def form(self, request: AnyRequest) -> Response[Any]:
        return render(request, "gallery/form.html", ilse=ILSE, tomasz=TOMASZ)

    @post("/gallery/form", opt={"action": "public"})
    async def send(self, request: AnyRequest) -> Response[Any]:
        try:
            form = read_form(request, GalleryForm)
            if form.words == "refuse":
                raise Invalid("Write it another way.", "words", field="words")
        except (FormError, Invalid) as error:
            return form_error(request, "gallery/form.html", error, ilse=ILSE, tomasz=TOMASZ)
        self.done.append(form)
        return redirect(request, "/gallery/home", "We’ve told Ada’s team.")


NAV = (
    NavItem("/gallery/home", "Today"), NavItem("/gallery/week", "My week"), NavItem("/gallery/team", "My team"),
    NavItem("/gallery/money", "Money"),
)  # fmt: skip
PARTS = Parts(
    (FrontController, HealthController, GalleryController), NAV, (Path(__file__).parent / "templates",)
)  # fmt: skip


def gallery(home: Path, *, engine: NodeEngine | None = None, public_url: str = "", **web: Any) -> Shell:
    """The gallery; its sessions are "ada", "ruth" (speaks for Ada) and "maryam" (writes down what Ada says)."""
    folder = DataFolder(home)
    folder.make()
    settings = Settings(
        circle=CircleSettings(name="Hebden circle", place="Hebden Bridge", phone="01422 496 0123"),
        web=WebSettings(public_url=public_url, **web),
    )  # fmt: skip
    return create_app(
        settings, folder, engine=engine, node_id="n0de1234", load_session=load_session, parts=PARTS, services=()
    )


__all__ = ["GalleryController", "gallery"]
