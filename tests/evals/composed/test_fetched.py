"""Material from folders like those that are fetched: named, trimmed, with its licence on record."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from evals.composed.__main__ import WriteConfig as Written
from evals.composed.__main__ import main as write
from evals.composed.episode import compose
from evals.composed.fetched import FetchConfig, main, plain_name
from evals.composed.material_folder import open_material
from evals.composed.visible import find_problems
from tests.drawn import write_drawn

ANIMALS = (
    "badger banana bear camel camera cello fox horse koala orange penguin pineapple rabbit sheep squirrel strawberry "
    "teapot tiger zebra otter heron falcon salmon beetle walrus lemur gecko ferret bison moose puffin toucan"
).split()


def cutout(path: Path, side: int = 160) -> None:
    """A filled ellipse, clear around it."""
    pixels = np.zeros((side, side, 4), np.uint8)
    cv2.ellipse(pixels, (side // 2, side // 2), (side // 3, side // 4), 0, 0, 360, (30, 60, 230, 255), -1)
    cv2.imwrite(str(path), pixels)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    stamps, emoji, clips = (tmp_path / name for name in ("stamps/animals", "emoji", "footage"))
    for folder in (stamps, emoji, clips):
        folder.mkdir(parents=True)
    for name in ANIMALS:
        cutout(stamps / f"{name}.png")
        (stamps / f"{name}.txt").write_text(f"A {name}.\nde.utf8=Etwas.\n", encoding="utf-8")
    cutout(stamps / "small.png", side=40)
    (stamps / "small.txt").write_text("A thimble.", encoding="utf-8")
    cutout(emoji / "1f955.webp")  # CARROT
    cutout(emoji / "0031-fe0f-20e3.webp")
    drawn = write_drawn(clips / "clip a.mp4")
    for name in "bcdefghijkl":
        shutil.copy(drawn, clips / f"clip {name}.mp4")
    (clips / "notes.mp4").write_text("no video")
    return tmp_path


def filled(sources: Path) -> tuple[Path, list[str]]:
    said: list[str] = []
    config = FetchConfig(
        sources / "material", sources / "stamps", sources / "emoji", sources / "footage", "CC0, drawn in a test"
    )
    main(config, said.append)
    return config.folder, said


def test_names_sources_and_licences_are_on_record(sources: Path) -> None:
    folder, said = filled(sources)
    rows = [line.split("\t") for line in (folder / "manifest.tsv").read_text(encoding="utf-8").splitlines()]
    by_name = {row[1]: row for row in rows[1:]}
    assert rows[0] == ["kind", "name", "source", "licence", "blake2b"]
    assert by_name["badger"][2:4] == ["badger.png", "GPL-2, Tux Paint stamps"]
    assert by_name["carrot"][2:4] == ["1f955.webp", "MIT, Fluent Emoji 3D"]
    assert by_name["clip a"][2:4] == ["clip a.mp4", "CC0, drawn in a test"]
    assert "thimble" not in by_name, "too small to be enlarged"
    assert any("notes.mp4" in line and "left out" in line for line in said)


def test_videos_are_composed_from_it(sources: Path) -> None:
    material = open_material(filled(sources)[0])
    assert material.cutouts.aspect("badger") == pytest.approx(4 / 3, abs=0.05)
    assert material.clips.seconds("clip a") == pytest.approx(6.0, abs=0.11)
    episode = compose(material, 0, 0)
    assert episode.plan.recipe.needles[0].colour is None
    assert all(asked.family != "colour" for asked in episode.questions)
    assert find_problems(episode.painter) == ()
    assert "drawn-1" in material.name
    assert episode.painter.picture(0.0).shape == (360, 640, 3)


def test_whose_the_material_is_goes_with_the_videos(sources: Path, tmp_path: Path) -> None:
    folder, _ = filled(sources)
    write(Written(tmp_path / "set", count=0, material=folder))
    assert (tmp_path / "set/material.tsv").read_bytes() == (folder / "manifest.tsv").read_bytes()


def test_footage_without_a_licence_is_refused(sources: Path) -> None:
    with pytest.raises(ValueError, match="footage needs --licence"):
        main(FetchConfig(sources / "other", clips=sources / "footage"))


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"manifest\.tsv is missing"):
        open_material(tmp_path)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("A Sumatran tiger.\nde=...", "sumatran tiger"),
        ("An apple.", "apple"),
        ("Hot air balloon", "hot air balloon"),
        ("A coin worth one euro, from Spain.", None),
        ("", None),
        ("Frère Jacques", None),
    ],
)
def test_a_name_is_a_few_plain_words(description: str, name: str | None) -> None:
    assert plain_name(description) == name
