"""Needs the packaged weights; the pictures are drawn here or come from code, never from the network."""

import numpy as np
import pytest
import torch

from tools.encoders import conse, imagenet
from tools.encoders.conse import ConseEncoder, load_class_names
from tools.encoders.efficientnet import SIDE, load
from tools.encoders.image_batch import split_chunks
from tools.packaged_weights import find_file

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not conse.is_installed(), reason="needs `pip install 'videosleuth[encoder]'`"),
]


@pytest.fixture(scope="module")
def encoder() -> ConseEncoder:
    torch.set_num_threads(1)
    return ConseEncoder()


def _traffic_light() -> np.ndarray:
    """Three lamps in a dark box before the sky: what even a small classifier knows."""
    import cv2

    picture = np.full((360, 640, 3), (150, 190, 235), np.uint8)
    cv2.rectangle(picture, (250, 10), (390, 350), (25, 25, 25), -1)
    for y, colour in ((70, (230, 30, 20)), (180, (60, 50, 10)), (290, (10, 50, 20))):
        cv2.circle(picture, (320, y), 45, colour, -1)
    return picture


def test_the_network_equals_the_same_one_of_a_second_library_at_every_size() -> None:
    timm = pytest.importorskip("timm")
    path = find_file(*imagenet._WEIGHTS, conse.EXTRA)
    theirs = timm.create_model("tf_efficientnet_lite0").eval()
    state = torch.load(path, weights_only=True)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), state.values(), strict=True)))
    ours, random = load(path), torch.Generator().manual_seed(1)
    for count, side in ((2, SIDE), (4, 128), (1, SIDE)):
        pictures = torch.randint(0, 256, (count, 3, side, side), generator=random).float()
        with torch.inference_mode():
            assert torch.allclose(ours(pictures), theirs((pictures - 127) / 128), atol=1e-4)


def test_there_are_a_thousand_classes_in_order() -> None:
    names = load_class_names()
    assert len(names) == 1000
    assert (names[0], names[340], names[920]) == ("tench", "zebra", "traffic light")


def test_rows_are_unit_float32_for_pictures_of_any_size(encoder: ConseEncoder) -> None:
    sizes = [(1, 1), (360, 640), (500, 20), (224, 224)]
    pictures = [np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    rows = encoder.encode_images(pictures)
    assert (rows.shape, rows.dtype) == ((4, encoder.dim), np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(encoder.encode_images(pictures[1:2]), rows[1:2], atol=0.05)
    assert encoder.encode_images([]).shape == (0, encoder.dim)


def test_a_drawn_traffic_light_is_recognised_and_found_by_its_name(encoder: ConseEncoder) -> None:
    picture = _traffic_light()
    # a remote control is as near: which comes first is a matter of rounding
    assert "traffic light" in [label.name for label in encoder.label_scores([picture], count=2)[0]]
    noise = np.random.default_rng(0).integers(0, 255, picture.shape, np.uint8)
    blank = np.full_like(picture, 90)
    rows = encoder.encode_images([noise, picture, blank])
    for query in ("traffic light", "Which colour is the traffic light?", "a photo of a Traffic Light"):
        assert int((rows @ encoder.encode_texts([query])[0]).argmax()) == 1, query


def test_probabilities_are_sorted_and_below_one(encoder: ConseEncoder) -> None:
    labels = encoder.label_scores([_traffic_light()], count=1000)[0]
    assert [label.probability for label in labels] == sorted((label.probability for label in labels), reverse=True)
    assert sum(label.probability for label in labels) == pytest.approx(1, abs=1e-3)


def test_words_that_mean_the_same_lie_closer_than_others(encoder: ConseEncoder) -> None:
    car, automobile, banana = encoder.encode_texts(["a car", "an automobile", "a banana"])
    assert car @ automobile > car @ banana + 0.2


def test_a_read_only_picture_and_a_crop_are_fine(encoder: ConseEncoder) -> None:
    picture = _traffic_light()
    picture.setflags(write=False)
    assert np.allclose(np.linalg.norm(encoder.encode_images([picture, picture[10:50, 20:60]]), axis=1), 1, atol=1e-5)


def test_a_small_thing_is_known_in_its_tile(encoder: ConseEncoder) -> None:
    import cv2

    picture = np.full((360, 640, 3), 90, np.uint8)
    picture[240:, :214] = cv2.resize(_traffic_light(), (214, 120), interpolation=cv2.INTER_AREA)
    tiles = encoder.encode_tiles([np.full_like(picture, 90), picture])
    assert tiles.shape == (2, 9, encoder.dim)
    assert np.allclose(np.linalg.norm(tiles, axis=-1), 1, atol=1e-5)
    scores = tiles @ encoder.encode_texts(["traffic light"])[0]
    assert int(scores[1].argmax()) == 6  # the lower left one
    assert scores[1, 6] > scores[0].max() + 0.2
    assert encoder.encode_tiles([]).shape == (0, 9, encoder.dim)


def test_batches_have_few_sizes() -> None:
    for count in range(70):
        sizes = [len(chunk) for chunk in split_chunks(range(count), 16)]
        assert sum(sizes) == count
        assert set(sizes) <= {16, 8, 4, 2, 1}


def test_a_grey_picture_is_refused_with_its_shape(encoder: ConseEncoder) -> None:
    with pytest.raises(ValueError, match=r"need RGB pictures .* got \(4, 4\) uint8"):
        encoder.encode_images([np.zeros((4, 4), np.uint8)])
