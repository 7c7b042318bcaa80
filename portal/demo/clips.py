"""Clips for demonstrations and tests: a still portrait as a webcam would show it, or on a phone held up to one.

They exercise the flow. They prove nothing about accuracy: no living face and no real screen is in them.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

Pixels = NDArray[np.float32]
"""A picture: (H, W, 3), float32, 0–255, RGB."""

PORTRAITS = Path(__file__).parent / "portraits"
PERSON, STRANGER, THIRD = "collins", "obama-2012", "biden-2010"
"""Three people. The bundled network takes the first two portraits for faces in front of the camera; the third is a narrow matter."""
SIZE = 640, 480
_SCREEN = 300, 420


@dataclass(frozen=True)
class Pose:
    """Where the subject is in one frame: shift in pixels, turn in degrees, zoom as a factor, light as a factor."""

    x: float
    y: float
    turn: float
    zoom: float
    light: float


def portrait(name: str) -> Image.Image:
    """A portrait of the collection, by its file name without the ending. RGB."""
    return Image.open(PORTRAITS / f"{name}.jpg").convert("RGB")


def live_clip(name: str, frames: int = 48, seed: int = 0, light: float = 1.0) -> list[bytes]:
    """JPEG frames, 640×480, of a portrait in front of a webcam: sways a little, in changing light, with sensor noise.

    light: brightness of the room; 1 is an ordinary one.
    """
    subject = portrait(name)
    poses = [replace(pose, light=0.8 * light * pose.light) for pose in _sway(frames, seed)]
    scenes = [_indoors(_placed(subject, pose, SIZE, 1.25)) for pose in poses]
    return [_camera(scenes[n], pose, seed + n) for n, pose in enumerate(poses)]


def recaptured_clip(name: str, frames: int = 48, seed: int = 0) -> list[bytes]:
    """JPEG frames, 640×480, of the same portrait shown by a phone that a hand holds up to the webcam."""
    screen = _screen(portrait(name))
    room = _room(seed)
    poses = enumerate(_sway(frames, seed))
    return [_camera(_held(screen, room, pose), pose, seed + n) for n, pose in poses]


def write_mjpeg(clip: list[bytes], path: Path) -> Path:
    """Concatenated JPEGs: the format of Chromium's fake camera."""
    path.write_bytes(b"".join(clip))
    return path


def _sway(frames: int, seed: int) -> Iterator[Pose]:
    """Slow sums of sines that return to where they began, so that a looping clip does not jump."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, 5)
    turns = np.array([1, 2, 1, 2, 1])
    for n in range(frames):
        angles = 2 * np.pi * turns * n / frames + phase
        x, y, turn, zoom, light = (float(value) for value in np.sin(angles))
        yield Pose(7 * x, 4 * y, 1.6 * turn, 1 + 0.02 * zoom, 1 + 0.05 * light)


def _placed(
    subject: Image.Image, pose: Pose, size: tuple[int, int], near: float = 1.06
) -> Image.Image:
    """The subject turned, zoomed and shifted into a frame of ``size``, which it fills ``near`` times."""
    fill = near * max(size[0] / subject.width, size[1] / subject.height) * pose.zoom
    angle = np.radians(pose.turn)
    cos, sin = np.cos(angle) / fill, np.sin(angle) / fill
    x, y = size[0] / 2 + pose.x, size[1] / 2 + pose.y
    left = subject.width / 2 - cos * x - sin * y
    top = subject.height / 2 + sin * x - cos * y
    matrix = (cos, sin, left, -sin, cos, top)
    softened = subject.filter(ImageFilter.GaussianBlur(0.3 / fill))
    return softened.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _indoors(scene: Image.Image) -> Image.Image:
    """Flatter than a photographer's studio light."""
    return ImageEnhance.Contrast(scene).enhance(0.87)


def _camera(scene: Image.Image, pose: Pose, seed: int) -> bytes:
    """What a webcam makes of the scene: its light, a fall-off to one side, sensor noise, JPEG."""
    rng = np.random.default_rng(seed)
    light = pose.light * np.linspace(1.04, 0.93, scene.width, dtype=np.float32)[None, :, None]
    noise = rng.normal(0, 2.2, (scene.height, scene.width, 1)) + rng.normal(0, 1.2, (1, 1, 3))
    return _jpeg(_pixels(scene) * light + noise.astype(np.float32))


def _screen(subject: Image.Image) -> Image.Image:
    """The phone's front, RGBA: the portrait on a lit pixel grid, bluish and flat, with a glare, in a dark bezel."""
    width, height = _SCREEN
    shown = _placed(subject, Pose(0, 0, 0, 1, 1), (width, height))
    lit = 22 + 0.82 * 255 * (_pixels(shown) / 255) ** 0.85
    bluish = lit * np.array([0.93, 0.99, 1.10], np.float32)
    glass = bluish * _grid(width, height) + _glare(width, height)
    front = Image.new("RGBA", (width + 28, height + 64), (0, 0, 0, 0))
    ImageDraw.Draw(front).rounded_rectangle((0, 0, width + 27, height + 63), 26, (16, 16, 19, 255))
    front.paste(_image(glass.astype(np.float32)), (14, 32))
    return front


def _grid(width: int, height: int) -> Pixels:
    """Gaps between screen pixels, four to a camera pixel row: what beats against the sensor as moiré."""
    across = 1 + 0.16 * np.cos(2 * np.pi * np.arange(width) / 4.0)
    down = 1 + 0.05 * np.cos(2 * np.pi * np.arange(height) / 4.3)
    beat = 1 + 0.03 * np.cos(2 * np.pi * (np.arange(width)[None] + np.arange(height)[:, None]) / 37)
    return np.asarray(across[None] * down[:, None] * beat, dtype=np.float32)[..., None]


def _glare(width: int, height: int) -> Pixels:
    """A window's reflection in the glass: a soft bright diagonal."""
    x, y = np.linspace(0, 1, width)[None], np.linspace(0, 1, height)[:, None]
    band = np.exp(-(((x + 0.6 * y - 1.25) / 0.14) ** 2))
    return np.asarray(46 * band, dtype=np.float32)[..., None]


def _room(seed: int) -> Image.Image:
    """A blurred room: wall, shelf, lamp light."""
    rng = np.random.default_rng(seed)
    grey, tint = rng.integers(110, 165, (5, 7, 1)), rng.integers(-12, 13, (5, 7, 3))
    wall = _image(np.asarray(grey + tint, dtype=np.float32)).resize(SIZE, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(wall)
    for x in range(0, SIZE[0], 46):
        red, green, blue = (int(value) for value in rng.integers(60, 130, 3))
        draw.rectangle((x, 60, x + 30, 150), (red, green, blue))
    return wall.filter(ImageFilter.GaussianBlur(7))


def _held(screen: Image.Image, room: Image.Image, pose: Pose) -> Image.Image:
    """The phone and the fingers behind it in front of the room; the phone is never quite straight."""
    scene = room.copy()
    turned = screen.rotate(2.5 + pose.turn, Image.Resampling.BICUBIC, expand=True)
    size = round(turned.width * pose.zoom), round(turned.height * pose.zoom)
    turned = turned.resize(size, Image.Resampling.BICUBIC)
    left, top = round(320 - size[0] / 2 + pose.x), round(236 - size[1] / 2 + pose.y)
    draw = ImageDraw.Draw(scene)
    for n in range(4):
        y = top + 250 + 46 * n
        draw.rounded_rectangle(
            (left + size[0] - 40, y, left + size[0] + 18, y + 40), 18, (196, 148, 122)
        )
    scene.paste(turned, (left, top), turned)
    return scene


def _pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGB"), dtype=np.float32)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _jpeg(pixels: Pixels) -> bytes:
    data = io.BytesIO()
    _image(pixels).save(data, "JPEG", quality=88)
    return data.getvalue()
