"""The story of the demo, step by step: who does what, in which circle. Words in stars are what stands on a button."""

import msgspec

from eccoo_node.demo.cast import HATS, HEBDEN, PEOPLE, TODMORDEN


class Step(msgspec.Struct, frozen=True):
    """One thing that one person does. `before` is a moment to move on to first."""

    circle: str
    who: str
    words: str
    before: str = ""

    @property
    def called(self) -> str:
        return PEOPLE[self.circle][self.who].called

    @property
    def hats(self) -> str:
        return HATS[self.who]


STEPS = (
    Step(HEBDEN, "maryam", "She has said that she can't come on Thursday. Open that visit to see who has been told. Give up "
         "Wednesday's in the same way, if you like: *I can't be there*."),
    Step(HEBDEN, "tomasz", "He is a facilitator too, but Edith pays him for his work. Let him try to ask for someone else: he "
         "is told why he can't."),
    Step(HEBDEN, "joan", "Let her *Speak for Edith*. Then *Choose what happens*, and *Someone else*. Ask Bronagh first. Then "
         "*Ask further away*, read what the other circle will see, and *Yes, ask them*."),
    Step(TODMORDEN, "olena", "A request has come from over the hill, without a name or an address. *Offer to come*. Siobhán can "
         "offer too; Olena asks for a little more."),
    Step(HEBDEN, "joan", "Speak for Edith again, read the offers, and say *Yes* to one. If it costs more, Joan is asked once "
         "more, as the one who pays. The two circles settle it between them in a moment."),
    Step(TODMORDEN, "olena", "Only now does she read Edith's name and address, and what she must know. She presses *I've read "
         "this and I'm coming*. Those who were not chosen are told kindly."),
    Step(HEBDEN, "edith", "She reads who is coming on Thursday. Ruth could do each of Edith's steps for her on the phone."),
    Step(TODMORDEN, "olena", "She says how it went.", "noon"),
    Step(HEBDEN, "edith", "*Did Olena come?* When she says so, the money that was set aside is paid."),
    Step(HEBDEN, "nasreen", "She sees what her circle owes the other, and where each penny came from."),
    Step(TODMORDEN, "ifeoma", "She sees the same from the other side, to the penny."),
    Step(HEBDEN, "gwen", "She sees the link that both circles agreed, and can pause or end it. The look of the node and its "
         "plugins are hers too."),
)  # fmt: skip
