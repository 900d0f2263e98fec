"""Image processors, one for each family of models: from a picture to its patches and its placeholder ids.

A picture is sent at the size that its text says. The processors that come with models resize on their own: Qwen3-VL's
takes 65,536 to 16,777,216 pixels, SmolVLM's blows every frame up to 2048; here they only round to their patches.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import simplejpeg  # type: ignore[import-untyped]
import torch
from PIL import Image
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

from tools.runtime.once import OnceCache

ToIds = Callable[[str], tuple[int, ...]]

_THINNEST = 100
"""Largest ratio of the sides of a picture; Qwen's processors refuse 200."""
REMEMBERED = 256
"""Pictures kept by a cache at least: those of two runs of 128 frames that show none twice. A picture of 640x360 takes
5.6 MB in Qwen's patches, so 256 take 1.4 GB of the host's memory, and half of that in bfloat16."""


class ImageSpan(NamedTuple):
    """What stands for a picture in the text of its model, known from the picture's size."""

    ids: tuple[int, ...]
    """Ids of its placeholders."""
    grid: tuple[int, ...] = ()
    """Patches of the picture in time, rows and columns, for models of the Qwen-VL shape; else empty."""


@dataclass(frozen=True)
class JpegImage:
    """A picture as its JPEG, with the ids that stand for it; its pixels are made where a model computes with them.

    A 640x360 JPEG takes 39 KB on average, its patches 5.4 MB.
    """

    jpeg: bytes
    span: tuple[int, ...]
    grid: tuple[int, ...] = ()
    """Patches of the picture, as in `ImageSpan`."""


@dataclass(frozen=True)
class ProcessedImage:
    """A picture as a model takes it."""

    span: tuple[int, ...]
    """Ids that stand for the picture in the text."""
    inputs: dict[str, torch.Tensor]


class ImageProcessor(Protocol):
    """The image processor of a model."""

    names_content: bool
    """Whether the ids of a picture follow from what it shows, and only their number from its size."""

    def measure(self, width: int, height: int) -> ImageSpan:
        """What stands for a picture of this size in pixels; no pixel is needed to know it."""
        ...

    def look(self, picture: Image.Image) -> ProcessedImage:
        """Processes a picture for the model."""
        ...

    def gather(self, rows: Sequence[Sequence[ProcessedImage]]) -> dict[str, torch.Tensor]:
        """The picture inputs of a batch, whose rows have any number of pictures each; empty if none has any."""
        ...


class QwenImageProcessor:
    """The image processor of Qwen2-VL, Qwen2.5-VL and Qwen3-VL: a token for each block of 28x28 or 32x32 pixels."""

    names_content = False

    def __init__(self, processor: Any, image_token_id: int, max_pixels: int) -> None:
        """Takes pictures of up to `max_pixels`; one of less than four blocks is enlarged to four, as in training."""
        self._processor = processor
        self._image_token_id = image_token_id
        self._block: int = processor.patch_size * processor.merge_size
        least_pixels = 4 * self._block**2
        # twice the limit: pictures are within it already, but rounding up to whole blocks may pass it
        self.size = {"shortest_edge": least_pixels, "longest_edge": max(2 * max_pixels, least_pixels)}

    def measure(self, width: int, height: int) -> ImageSpan:
        """Placeholders and grid of a picture of this size."""
        width, height = self._thicken(width, height)
        least, most = self.size["shortest_edge"], self.size["longest_edge"]
        sides = smart_resize(height, width, self._block, min_pixels=least, max_pixels=most)
        rows, columns = (side // self._processor.patch_size for side in sides)
        count = rows * columns // self._processor.merge_size**2
        return ImageSpan((self._image_token_id,) * count, (1, rows, columns))

    def look(self, picture: Image.Image) -> ProcessedImage:
        """Processes a picture: patches (patches, patch width) float32 and their grid (1, 3) int64."""
        inputs = self._processor(images=[self.thicken(picture)], size=self.size, return_tensors="pt")
        grid = inputs["image_grid_thw"]  # (1, 3): time, rows and columns of patches
        count = int(grid.prod()) // self._processor.merge_size**2
        kept = {"pixel_values": inputs["pixel_values"], "image_grid_thw": grid}
        return ProcessedImage((self._image_token_id,) * count, kept)

    def thicken(self, picture: Image.Image) -> Image.Image:
        """The picture as the model's own processor is given it: with no side under a block."""
        thick = self._thicken(*picture.size)
        return picture if picture.size == thick else picture.resize(thick)

    def _thicken(self, width: int, height: int) -> tuple[int, int]:
        """The size with no side under a block: rounding a strip of under half a block would shrink its length."""
        least = max(self._block, math.ceil(max(width, height) / _THINNEST))
        return max(width, least), max(height, least)

    def gather(self, rows: Sequence[Sequence[ProcessedImage]]) -> dict[str, torch.Tensor]:
        """The patches of all pictures, (patches, patch width), and their grids (pictures, 3)."""
        seen = [picture for row in rows for picture in row]
        names = ("pixel_values", "image_grid_thw") if seen else ()
        return {name: torch.cat([picture.inputs[name] for picture in seen]) for name in names}


class SmolVlmEyes:
    """The image processor of SmolVLM, SmolVLM2 and Idefics3: square tiles of equal cost, and the whole as one more."""

    names_content = False

    def __init__(self, processor: Any, tokens_a_tile: int, to_ids: ToIds) -> None:
        """Gives each picture the number of tiles nearest to its own size, at least one."""
        self._processor = processor
        self._tokens_a_tile = tokens_a_tile
        self._to_ids = to_ids
        self._tile: int = processor.max_image_size["longest_edge"]
        self._most: int = processor.size["longest_edge"]

    def measure(self, width: int, height: int) -> ImageSpan:
        """Placeholders of a picture of this size."""
        size = {"longest_edge": self._choose_longest(width, height)}
        _, rows, columns = self._processor.get_number_of_image_patches(height, width, {"size": size})
        return ImageSpan(self._to_ids(self._words(rows, columns)))

    def look(self, picture: Image.Image) -> ProcessedImage:
        """Processes a picture: its tiles (tiles, 3, side, side) float32 and their mask (tiles, side, side)."""
        inputs = self._processor(
            images=[[picture]],
            size={"longest_edge": self._choose_longest(*picture.size)},
            return_row_col_info=True,
            return_tensors="pt",
        )
        rows, columns = int(inputs["rows"][0][0]), int(inputs["cols"][0][0])
        kept = {"pixel_values": inputs["pixel_values"][0], "pixel_attention_mask": inputs["pixel_attention_mask"][0]}
        return ProcessedImage(self._to_ids(self._words(rows, columns)), kept)

    def gather(self, rows: Sequence[Sequence[ProcessedImage]]) -> dict[str, torch.Tensor]:
        """The tiles, (rows, most tiles of a row, 3, side, side); empty places are zeros, which the model leaves out."""
        if not any(rows):
            return {}
        names = ("pixel_values", "pixel_attention_mask")
        return {name: _stack([[picture.inputs[name] for picture in row] for row in rows]) for name in names}

    def _choose_longest(self, width: int, height: int) -> int:
        return min(max(1, round(max(width, height) / self._tile)) * self._tile, self._most)

    def _words(self, rows: int, columns: int) -> str:
        """The placeholder text of a picture as the family's own processor writes it (`get_image_prompt_string`)."""
        image, fake = "<image>" * self._tokens_a_tile, "<fake_token_around_image>"
        tiles = [
            "".join(f"{fake}<row_{row}_col_{column}>{image}" for column in range(1, columns + 1)) + "\n"
            for row in range(1, rows + 1)
        ]
        return "".join(tiles) + ("\n" if tiles else "") + f"{fake}<global-img>{image}{fake}"


def _stack(rows: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
    most = max(sum(len(tiles) for tiles in row) for row in rows)
    some = next(tiles for row in rows for tiles in row)
    stacked = some.new_zeros((len(rows), most, *some.shape[1:]))
    for number, row in enumerate(rows):
        if row:
            together = torch.cat(list(row))
            stacked[number, : len(together)] = together
    return stacked


class ProcessedImageCache:
    """An image processor with a cache of the last pictures: each turn shows all pictures of a conversation again.

    Threads process different pictures side by side, and one that another thread processes already is waited for.
    """

    def __init__(self, eyes: ImageProcessor, dtype: torch.dtype = torch.float32) -> None:
        """An empty cache.

        Args:
            eyes: processes the pictures.
            dtype: type in which pixels are kept, that of the model.
        """
        self.eyes = eyes
        self._dtype = dtype
        self._processed: OnceCache[bytes, ProcessedImage] = OnceCache(self._look, REMEMBERED)

    def look(self, jpeg: bytes) -> ProcessedImage:
        """Processes a JPEG, or gives the processed picture from the cache."""
        return self._processed.get(jpeg)

    def make_room(self, pictures: int) -> None:
        """Keeps at least so many pictures from now on, as the runs in play show again."""
        self._processed.make_room(pictures)

    def _look(self, jpegs: Sequence[bytes]) -> dict[bytes, ProcessedImage]:
        seen = {jpeg: self.eyes.look(decode_picture(jpeg)) for jpeg in jpegs}
        return {jpeg: replace(one, inputs=cast_floats(one.inputs, self._dtype)) for jpeg, one in seen.items()}


def cast_floats(inputs: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The inputs of a model with its numbers, pixels, in the type of its weights; whole numbers stay."""
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}


def measure_jpeg(eyes: ImageProcessor, jpeg: bytes) -> JpegImage:
    """A JPEG with the ids that stand for it; only its header is read where these follow from its size."""
    if eyes.names_content:
        return JpegImage(jpeg, eyes.look(decode_picture(jpeg)).span)
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError:  # a tool of somebody's own may give another kind of picture
        width, height = decode_picture(jpeg).size
    return JpegImage(jpeg, *eyes.measure(width, height))


def decode_picture(jpeg: bytes) -> Image.Image:
    """The picture of a JPEG, in RGB."""
    return Image.open(io.BytesIO(jpeg)).convert("RGB")
