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


# What there is to see before anyone has asked.
LOOKS = (
    Step(HEBDEN, "maryam", "She has said that she can’t come on Thursday. Wednesday is still hers: open it and press *I can’t be "
         "there*, if you like, and see who is told."),
    Step(HEBDEN, "tomasz", "He is a facilitator too, but Edith pays him for his work. Let him open Thursday in *Edith’s week* and press *Who can ask "
         "somebody else to come?*: it is not him."),
)  # fmt: skip

STEPS = (
    Step(HEBDEN, "joan", "*Speak for Edith*, then *Choose what happens*, *Someone else comes*. Ask Bronagh first. Then *Ask further "
         "away*: read what the other circle will see, and *Yes, ask them*."),
    Step(TODMORDEN, "olena", "A request has come over the hill, without a name or an address. *See what is asked*, and *Offer to "
         "come*. Siobhán can offer too; Olena asks for a little more."),
    Step(HEBDEN, "joan", "Speak for Edith again: *See who offers*, and *Yes, ask Olena to come*. She costs £6 more, so Joan is asked "
         "again as the one who pays. Go back to being Joan for that."),
    Step(TODMORDEN, "olena", "Only now does she read Edith’s name, her address and what she must know. *I’ve read this and I’m "
         "coming*. Whoever was not chosen is told kindly."),
    Step(HEBDEN, "edith", "She reads who is coming on Thursday. Ruth could have done each of her steps for her on the phone."),
    Step(TODMORDEN, "olena", "*Say how it went*.", "noon"),
    Step(HEBDEN, "edith", "*Say whether it went ahead*. When she says yes, the money that was set aside is paid."),
    Step(HEBDEN, "nasreen", "In *The circle’s money* she sees what her circle owes the other, and where each penny came from."),
    Step(TODMORDEN, "ifeoma", "She sees the same from the other side, to the penny."),
    Step(HEBDEN, "gwen", "She sees the link that both circles agreed, and can pause or end it. The look of the node and its "
         "plugins are hers too."),
)  # fmt: skip
