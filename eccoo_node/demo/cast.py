"""The people of the story, by name: who they are and what they say. Nobody of them exists."""

from eccoo_node.demo.acts import WorkerSaid
from eccoo_node.demo.names import Someone

HEBDEN, TODMORDEN = "hebden", "todmorden"
CIRCLES = {HEBDEN: "Hebden Bridge circle", TODMORDEN: "Todmorden circle"}
PLACES = {HEBDEN: "Hebden Bridge", TODMORDEN: "Todmorden"}
OUTWARD = {HEBDEN: "HX7", TODMORDEN: "OL14"}
PHONES = {HEBDEN: "01632 960001", TODMORDEN: "01632 960901"}

_UP_THE_HILL = "3 Peat Pits Road\nSlack Top\nHebden Bridge"

PEOPLE: dict[str, dict[str, Someone]] = {
    HEBDEN: {
        "edith": Someone("Edith", "Edith Oakenshaw", "woman", "01632 960011", _UP_THE_HILL),
        "joan": Someone("Joan", "Joan Oakenshaw", "woman", "07700 900012", "14 Shuttle Street\nHebden Bridge",
                        "joan@hebden.example"),
        "maryam": Someone("Maryam", "Maryam Nabclough", "woman", "07700 900013", "8 Bobbin Row\nHebden Bridge",
                          "maryam@hebden.example"),
        "tomasz": Someone("Tomasz", "Tomasz Scarholme", "man", "07700 900014", "21 Loom Street\nHebden Bridge",
                          "tomasz@hebden.example"),
        "bronagh": Someone("Bronagh", "Bronagh Mankley", "woman", "07700 900015", "5 Whinberry Edge\nHebden Bridge",
                           "bronagh@hebden.example"),
        "desmond": Someone("Desmond", "Desmond Lumbfield", "man", "01632 960016", "9 Peat Pits Road\nSlack Top\nHebden Bridge"),
        "ruth": Someone("Ruth", "Ruth Kebsworth", "woman", "01632 960002", "2 Old Clog Lane\nHebden Bridge",
                        "ruth@hebden.example"),
        "nasreen": Someone("Nasreen", "Nasreen Pikestones", "woman", "01632 960018", "30 Curlew Rise\nHebden Bridge",
                           "nasreen@hebden.example"),
        "gwen": Someone("Gwen", "Gwen Fernroyd", "woman", "01632 960019", "1 Heron Bank\nHebden Bridge",
                        "gwen@hebden.example"),
    },
    TODMORDEN: {
        "olena": Someone("Olena", "Olena Wadsholme", "woman", "07700 900261", "6 Tenter Croft\nTodmorden",
                         "olena@todmorden.example"),
        "siobhan": Someone("Siobhán", "Siobhán Cragley", "woman", "07700 900262", "17 Weavers’ Steps\nTodmorden",
                           "siobhan@todmorden.example"),
        "hannah": Someone("Hannah", "Hannah Deneholme", "woman", "07700 900263", "4 Goose Hole\nTodmorden",
                          "hannah@todmorden.example"),
        "colm": Someone("Colm", "Colm Thornden", "man", "01632 960902", "12 Lapwing Terrace\nTodmorden",
                        "colm@todmorden.example"),
        "ifeoma": Someone("Ifeoma", "Ifeoma Caldthwaite", "woman", "01632 960915", "3 Fustian Lane\nTodmorden",
                          "ifeoma@todmorden.example"),
        "pete": Someone("Pete", "Pete Ingbottom", "man", "01632 960916", "40 Slack Bottom\nTodmorden",
                        "pete@todmorden.example"),
    },
}  # fmt: skip

# What each is called on the page that lists them.
HATS: dict[str, str] = {
    "edith": "lives up a hill, and decides who comes into her home",
    "joan": "Edith’s daughter, who speaks for her, and pays",
    "maryam": "care worker, in Edith’s team",
    "tomasz": "care worker in Edith’s team, and a facilitator",
    "bronagh": "care worker in the circle, not in Edith’s team",
    "desmond": "volunteer, and Edith’s neighbour",
    "ruth": "facilitator, on the phone; she began this circle",
    "nasreen": "treasurer",
    "gwen": "looks after this node",
    "olena": "care worker",
    "siobhan": "care worker",
    "hannah": "care worker, whose DBS certificate ends this week",
    "colm": "facilitator, on the phone; he began this circle",
    "ifeoma": "treasurer",
    "pete": "looks after this node",
}

BOTH_VALLEYS = ("HX7", "OL14")
CARE = ("moving_and_handling", "personal_care", "medicines")

WORK: dict[str, WorkerSaid] = {
    "maryam": WorkerSaid(
        "I grew up over a bakery, so mornings are my time. I like to be told how you want things done, and then I do "
        "them like that.",
        3000, BOTH_VALLEYS, CARE, "en ur",
    ),
    "tomasz": WorkerSaid(
        "Twelve years of caring, first for my grandmother. I fix the odd shelf too.", 2800, ("HX7",), CARE, "en pl",
        # Thursday mornings are taken: he can’t be asked instead of Maryam.
        free=tuple((day, 7, 20) for day in (0, 1, 2, 4, 5)),
    ),
    "bronagh": WorkerSaid(
        "I sing while I work; say so if you’d rather I didn’t.", 3000, ("HX7",), CARE, "en", free=((3, 8, 14), (4, 8, 14)),
    ),
    "desmond": WorkerSaid("I’m two doors down, and I can lose at dominoes.", 0, ("HX7",), ("companionship",), paid=False),
    "olena": WorkerSaid(
        "I was a physiotherapist in Lviv. I know hoists well, and I take my time. I come over the tops by car.",
        3300, BOTH_VALLEYS, CARE, "en uk", 0,
    ),
    "siobhan": WorkerSaid(
        "Calm in the mornings, chatty after ten. Twenty years in people’s homes, never in a hurry.",
        3000, BOTH_VALLEYS, CARE, "en", 0,
    ),
    "hannah": WorkerSaid("Cheerful, and good with cats.", 3000, BOTH_VALLEYS, CARE, "en"),
}  # fmt: skip
