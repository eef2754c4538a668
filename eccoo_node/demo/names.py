"""Names, streets and numbers that belong to nobody, the same on every machine.

Numbers are of the ranges that Ofcom keeps free for drama: 01632 960000 to 960999, and 07700 900000 to 900999.
"""

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

Gender = Literal["woman", "man"]


def _words(text: str) -> list[str]:
    return text.split()


_WOMEN = _words(
    "Abiola Agata Aisling Alma Amina Anjali Annika Asha Beatriz Bethan Blessing Bronwen Carys Chandra Ching Dalia Danuta "
    "Dilys Doreen Efua Elin Ewa Fadwa Farida Fionnuala Gita Grace Halina Hazel Hestia Imani Ingrid Ivy Jamila Jelena Kavita "
    "Keziah Leila Lesia Lowri Mabel Marguerite Marta Mei Mona Muriel Nadia Noor Nuala Olwen Parveen Peggy Rabia Roza "
    "Rukhsana Sabina Safiya Shanice Sunita Tamsin Ursula Verity Winifred Yasmin Yewande Zainab Zofia"
)
_MEN = _words(
    "Abdul Alasdair Anton Arjun Bartosz Bilal Caleb Cedric Clive Connor Dafydd Delroy Dewi Emeka Emrys Enoch Farhan Felix "
    "Gethin Gregor Hamza Harold Idris Iestyn Imran Ivor Jakub Jalal Jethro Kwame Leopold Lester Lwazi Magnus Mateusz "
    "Mungo Nikhil Norris Obed Olek Omar Percy Piotr Rafiq Rashid Reggie Rhodri Samir Seamus Selwyn Stanley Tariq Teodor "
    "Tunde Vasyl Vernon Walter Wilfred Winston Yusuf Zbigniew"
)
_BEGIN = _words(
    "Ack Bram Cald Crag Dene Elm Fern Gars Hawk Helm Ing Kebs Lumb Mank Nab Oaken Pike Rams Scar Stan Thorn Wads"
)
_END = _words("shaw royd syke clough holme worth ley den bottom stones field thwaite")
_STREETS = (
    "Bobbin Row", "Curlew Rise", "Fustian Lane", "Goose Hole", "Heron Bank", "Lapwing Terrace", "Loom Street",
    "Miller’s Snicket", "Old Clog Lane", "Packhorse Fold", "Peat Pits Road", "Raikes Top", "Shuttle Street", "Slack Bottom",
    "Tenter Croft", "Top o' th' Delph", "Weavers' Steps", "Whinberry Edge",
)  # fmt: skip


_TWO_IN_THREE: tuple[Gender, ...] = ("woman", "woman", "man")


class Someone(msgspec.Struct, frozen=True):
    """Someone made up."""

    called: str
    full_name: str
    gender: Gender
    phone: str
    address: str
    email: str = ""


class Names:
    """Hands out people; no two on one node are called the same, and no two have one number."""

    def __init__(self, seed: int, place: str, taken: set[str]) -> None:
        self._chance = random.Random(seed)  # noqa: S311 the same people each time; guards nothing
        self._place = place
        self._numbers = iter(range(100 + 400 * seed, 500 + 400 * seed))
        self._women = self._shuffled(_WOMEN, taken)
        self._men = self._shuffled(_MEN, taken)

    def _shuffled(self, names: list[str], taken: set[str]) -> Iterator[str]:
        return iter(self._chance.sample(left := [name for name in names if name not in taken], len(left)))

    def someone(
        self, gender: Gender | None = None, *, family: str = "", address: str = "", email: bool = False
    ) -> Someone:
        """One more person; of a family and at an address, where those are given."""
        who: Gender = gender if gender is not None else self._chance.choice(_TWO_IN_THREE)
        called = next(self._women if who == "woman" else self._men)
        family = family or self.family()
        return Someone(
            called, f"{called} {family}", who, self.phone(), address or self.address(),
            f"{called.lower()}@{self._place.split()[0].lower()}.example" if email else "",
        )  # fmt: skip

    def family(self) -> str:
        return self._chance.choice(_BEGIN) + self._chance.choice(_END)

    def phone(self) -> str:
        number = next(self._numbers)
        return f"01632 960{number:03}" if number % 2 else f"07700 900{number:03}"

    def address(self) -> str:
        return f"{self._chance.randint(1, 48)} {self._chance.choice(_STREETS)}\n{self._place}"
