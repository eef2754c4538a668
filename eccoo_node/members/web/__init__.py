"""The pages of people: signing in, who speaks for whom, and writing down what someone says on the phone."""

from eccoo_node.members.web.faces import FaceController
from eccoo_node.members.web.paying import PayingController, WageController
from eccoo_node.members.web.phone import PhoneController
from eccoo_node.members.web.roles import RolesController
from eccoo_node.members.web.sessions import SessionController
from eccoo_node.members.web.sign_in import SignInController
from eccoo_node.members.web.speaking import SpeakingController
from eccoo_node.web.site import NavItem

CONTROLLERS = (
    SignInController, SessionController, SpeakingController, PhoneController, FaceController, PayingController, WageController,
    RolesController,
)  # fmt: skip
NAV = (
    NavItem(
        "/phone",
        "On the phone",
        lambda session: session.actor.wears("facilitator") and not session.actor.acting_for,
        70,
    ),
)
