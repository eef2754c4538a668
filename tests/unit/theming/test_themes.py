from pathlib import Path

import pytest

from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.theming import Pair, Themes, failing_pairs, ratio
from eccoo_node.web.static import Static

CALM = (shipped("themes") / "calm" / "theme.toml").read_text("utf-8")


def write_theme(folder: DataFolder, text: str, name: str = "mine") -> Path:
    folder.make()
    (folder.themes / name).mkdir()
    (folder.themes / name / "theme.toml").write_text(text.replace('name = "calm"', f'name = "{name}"'), "utf-8")
    return folder.themes / name


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def test_every_theme_the_node_ships_can_be_read_in_the_light_and_in_the_dark(folder: DataFolder) -> None:
    good, bad = Themes.of(folder).all()
    assert ([theme.name for theme in good], bad) == (["calm", "moor"], [])


def test_the_colours_are_those_of_the_design(folder: DataFolder) -> None:
    calm = Themes.of(folder).current
    assert (calm.light["paper"], calm.light["plum"], calm.dark["paper"], calm.dark["plum"]) == (
        "#FFFBF5", "#6B2D73", "#1A1126", "#E3A9D6",
    )  # fmt: skip


def test_a_theme_that_cannot_be_read_is_refused_with_the_failing_pair_named(folder: DataFolder) -> None:
    write_theme(folder, CALM.replace('soft = "#5B4A6B"', 'soft = "#9A8DA6"'))
    themes = Themes.of(folder)
    with pytest.raises(Broken) as refused:
        themes.use("mine")
    assert refused.value.sentence == (
        "The theme mine cannot be read in the light: soft on rose is 2.56:1 and must be at least 4.5:1."
    )
    assert themes.current.name == "calm"


@pytest.mark.parametrize(
    "text, sentence",
    [
        (CALM.replace('ink = "#2A1B3D"\n', ""), "The theme mine (light) lacks a colour: ink."),
        (CALM.replace("#2A1B3D", "purple"), "The theme mine (light) gives ink as purple. Write colours as #RRGGBB."),
        (
            CALM.replace("[dark]", '[dark]\nbark = "#000000"'),
            "The theme mine (dark) has a colour called bark, which nothing uses.",
        ),
    ],
)
def test_a_theme_with_a_wrong_colour_is_refused_in_one_sentence(folder: DataFolder, text: str, sentence: str) -> None:
    write_theme(folder, text)
    with pytest.raises(Broken) as refused:
        Themes.of(folder).get("mine")
    assert refused.value.sentence == sentence


@pytest.mark.parametrize("text", ["not toml [", "", 'name = "calm"\ntitle = 3', CALM + "\n[extra]\na = 1"])
def test_a_theme_that_is_no_theme_is_refused_and_the_others_stay(folder: DataFolder, text: str) -> None:
    write_theme(folder, text)
    good, bad = Themes.of(folder).all()
    assert [theme.name for theme in good] == ["calm", "moor"]
    assert [why.code for why in bad] == ["bad_theme"]


@pytest.mark.parametrize("name", ["", "..", "../calm", "none", "CALM"])
def test_a_theme_there_is_not_is_refused_with_those_there_are(folder: DataFolder, name: str) -> None:
    with pytest.raises(Broken) as refused:
        Themes.of(folder).get(name)
    assert refused.value.sentence.endswith("There are: calm, moor.")


def test_a_theme_in_the_data_folder_stands_in_for_one_of_the_same_name_once_it_is_chosen(folder: DataFolder) -> None:
    mine = write_theme(folder, CALM, "calm")
    themes = Themes.of(folder)
    assert themes.current.folder == shipped("themes") / "calm"
    assert themes.use("calm").folder == mine


def test_contrast_is_measured_as_the_guidelines_say() -> None:
    assert ratio("#000000", "#FFFFFF") == ratio("#FFFFFF", "#000000") == 21
    assert round(ratio("#767676", "#FFFFFF"), 2) == 4.54
    palette = dict.fromkeys(
        ("paper", "card", "ink", "soft", "plum", "rose", "ember", "moss", "amber", "line", "band", "band_ink", "star"),
        "#FFFFFF",
    )
    assert Pair("ink", "paper", 1.0, 4.5) in failing_pairs(palette)


def test_files_of_a_theme_stand_in_for_the_nodes_own(tmp_path: Path) -> None:
    for name, text in (("one", "ours"), ("two", "theirs")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mark.svg").write_text(text, "utf-8")
    static = Static(tmp_path / "one", tmp_path / "two")
    assert static.files["mark.svg"].body == b"theirs"
