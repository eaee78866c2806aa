"""Pictures of a few overlapping shapes, with the number of the object at every pixel: a set for binding."""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import normal, stream, uniform

CELLS = np.array([  # centres of the four cells of a tetromino, in cells: I, O, T, S, Z, J, L
    [(-1.5, 0), (-0.5, 0), (0.5, 0), (1.5, 0)], [(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)],
    [(-1, -0.5), (0, -0.5), (1, -0.5), (0, 0.5)], [(-1, 0.5), (0, 0.5), (0, -0.5), (1, -0.5)],
    [(-1, -0.5), (0, -0.5), (0, 0.5), (1, 0.5)], [(-1, -0.5), (-1, 0.5), (0, 0.5), (1, 0.5)],
    [(1, -0.5), (-1, 0.5), (0, 0.5), (1, 0.5)]])
KINDS = ("square", "triangle", "circle", "tetromino")
_CHUNK = 512
_ATTEMPTS = 200


@dataclass(frozen=True, kw_only=True)
class OverlappingShapes:
    """Two to four grey shapes that hide parts of each other, with a bright outline.

    Formula
        Every object has a kind, a centre, a radius in ``radius`` and an angle, all uniform; a later object lies in
        front of the earlier ones. Scenes are drawn again until every object shows at least the part ``visible`` of
        itself and, with two or more, some pixel is hidden. The inside of an object has one grey value, uniform in
        ``fill``; the pixels at its edge have the value ``outline``, the background 0. ``noise`` is the standard
        deviation of a normal number added to each pixel.
    Known answers
        With ``fill=(g, g)`` all objects look alike, pixel by pixel: grey values tell them from the background and
        nothing else, and what belongs together follows from shape and place alone. ``(mask > 0) == (x > 0)`` without
        noise, if no grey value is 0.
    Parameters: ``size`` pixels per side; ``fewest``, ``most`` objects; ``kinds`` names out of ``KINDS``; ``radius``
    range in pixels; ``outline`` None: edges are as grey as the inside.
    Shapes: x float32 [n, size, size] in 0..1 (but for noise), mask uint8 [n, size, size]: 0 background, else the number
    of the object from 1 on, the last in front.
    Errors: :class:`~snn.errors.DataError` for parameters that no scene can have.
    Source: the task is that of Reichert and Serre (2014), "Neuronal synchrony in complex-valued deep networks", ICLR,
    with other shapes.
    Example: ``x, mask = OverlappingShapes().draw(1000, seed=0)``
    """

    size: int = 32
    fewest: int = 2
    most: int = 4
    kinds: tuple = KINDS
    radius: tuple = (5.0, 8.0)
    visible: float = 0.5
    fill: tuple = (0.3, 0.8)
    outline: float | None = 1.0
    noise: float = 0.0

    def __post_init__(self):
        if not self.kinds or set(self.kinds) - set(KINDS):
            raise DataError(f"OverlappingShapes.kinds: are {self.kinds}. Some of {', '.join(KINDS)} are expected.")
        if not 1 <= self.fewest <= self.most <= 8:
            raise DataError(f"OverlappingShapes.most: fewest and most are {self.fewest} and {self.most}. "
                            "Whole numbers from 1 to 8, fewest not above most, are expected.")
        low, high = self.radius
        if not 1.0 <= low <= high <= 0.5 * self.size - 1.0:
            raise DataError(f"OverlappingShapes.radius: is {self.radius} for {self.size} pixels. Two numbers from 1 to "
                            "size / 2 - 1, ascending, are expected.")
        if not 0.0 <= self.visible < 1.0:
            raise DataError(f"OverlappingShapes.visible: is {self.visible}. A number from 0 to below 1 is expected.")
        if not 0.0 <= self.fill[0] <= self.fill[1] <= 1.0 or not 0.0 <= (self.outline or 0.0) <= 1.0:
            raise DataError(f"OverlappingShapes.fill: fill and outline are {self.fill} and {self.outline}. Grey values "
                            "from 0 to 1, those of fill ascending, are expected.")
        if self.noise < 0.0:
            raise DataError(f"OverlappingShapes.noise: is {self.noise}. A number of 0 or more is expected.")

    def draw(self, n, *, seed):
        """``(x, mask)`` of ``n`` scenes; scene i depends on the parameters, the seed and i alone."""
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise DataError(f"OverlappingShapes.draw.n: is {n}. It must be a whole number, 1 or more.")
        count = self._numbers(seed, "count", n, 1)[:, 0] * (self.most - self.fewest + 1)
        count = self.fewest + count.astype(np.int64)
        x, mask = np.zeros((n, self.size, self.size), np.float32), np.zeros((n, self.size, self.size), np.uint8)
        open_ = np.arange(n)
        for attempt in range(_ATTEMPTS):
            places = self._numbers(seed, f"objects {attempt}", n, 7 * self.most)[open_].reshape(-1, self.most, 7)
            good = np.zeros(len(open_), bool)
            for begin in range(0, len(open_), _CHUNK):
                part = slice(begin, begin + _CHUNK)
                pictures, masks, good[part] = self._scenes(places[part], count[open_[part]])
                done = open_[part][good[part]]
                x[done], mask[done] = pictures[good[part]], masks[good[part]]
            open_ = open_[~good]
            if not len(open_):
                return self._with_noise(x, seed), mask
        raise DataError(f"OverlappingShapes.visible: {self.visible} of every object was not to be had in {_ATTEMPTS} "
                        "draws. Fewer or smaller objects, or a smaller part, are expected.")

    def _numbers(self, seed, name, n, width, draw=uniform):
        return draw(stream(seed, repr(self), name), np.arange(n * width)).reshape(n, width)

    def _with_noise(self, x, seed):
        if self.noise == 0.0:
            return x
        drawn = self._numbers(seed, "noise", len(x), self.size**2, normal)
        return x + np.float32(self.noise) * drawn.reshape(x.shape).astype(np.float32)

    def _scenes(self, places, count):
        """Pictures, masks, and which of them are as they must be."""
        solid = self._solids(places) & (np.arange(self.most) < count[:, None])[:, :, None, None]
        x, mask = np.zeros(solid[:, 0].shape), np.zeros(solid[:, 0].shape, np.uint8)
        for k in range(self.most):
            one = solid[:, k]
            mask[one] = k + 1
            grey = self.fill[0] + places[:, k, 6, None, None] * (self.fill[1] - self.fill[0])
            edge = grey if self.outline is None else self.outline
            x = np.where(one, np.where(_inner(one), grey, edge), x)
        whole = solid.sum(axis=(2, 3))
        seen = np.stack([(mask == k + 1).sum(axis=(1, 2)) for k in range(self.most)], axis=1)
        enough = (seen >= np.maximum(self.visible * whole, 1 * (whole > 0))).all(axis=1)
        hidden = (seen.sum(axis=1) < whole.sum(axis=1)) | (count < 2)
        return x, mask, enough & hidden

    def _solids(self, places):
        """Whether a pixel is inside an object: bool [n, most, size, size]."""
        kind, turn, grow, row, column, piece, _ = np.moveaxis(places, -1, 0)[..., None, None]
        radius = self.radius[0] + grow * (self.radius[1] - self.radius[0])
        y, x = (radius + 0.5 + place * (self.size - 1.0 - 2.0 * radius) for place in (row, column))
        rows, columns = np.mgrid[:self.size, :self.size] + 0.5
        u, v = columns - x, rows - y
        angle = 2.0 * np.pi * turn
        u, v = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        which = (kind * len(self.kinds)).astype(np.int64)
        inside = [_INSIDE[name](u / radius, v / radius, piece) for name in self.kinds]
        return np.select([which == k for k in range(len(inside))], inside, False)


def _square(u, v, piece):
    return np.maximum(np.abs(u), np.abs(v)) <= 0.71


def _circle(u, v, piece):
    return u * u + v * v <= 0.81


def _triangle(u, v, piece):
    # Equilateral, its corners on the circle of radius 1.
    return np.maximum(v, 0.866 * np.abs(u) - 0.5 * v) <= 0.5


def _tetromino(u, v, piece):
    cells = CELLS[(piece * len(CELLS)).astype(np.int64)] * 0.5
    return (np.maximum(np.abs(u[..., None] - cells[..., 0]), np.abs(v[..., None] - cells[..., 1])) <= 0.26).any(-1)


_INSIDE = dict(zip(KINDS, (_square, _triangle, _circle, _tetromino), strict=True))


def _inner(solid):
    """The pixels whose four neighbours are inside too."""
    padded = np.pad(solid, ((0, 0), (1, 1), (1, 1)))
    return (solid & padded[:, 2:, 1:-1] & padded[:, :-2, 1:-1] & padded[:, 1:-1, 2:] & padded[:, 1:-1, :-2])
