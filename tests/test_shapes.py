"""Overlapping shapes and their masks."""
import numpy as np
import pytest

from snn.datasets import OverlappingShapes
from snn.errors import DataError


def neighbours_inside(mask):
    """Pixels whose four neighbours have the same number; beyond the border there is nothing."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)), constant_values=255)
    return np.logical_and.reduce([mask == padded[:, a:a + mask.shape[1], b:b + mask.shape[2]]
                                  for a, b in ((0, 1), (2, 1), (1, 0), (1, 2))])


def test_a_scene_depends_on_seed_and_number_alone():
    task = OverlappingShapes(noise=0.1)
    x, mask = task.draw(30, seed=0)
    again, same = task.draw(7, seed=0)
    assert (again == x[:7]).all() and (same == mask[:7]).all()
    assert not (task.draw(7, seed=1)[1] == same).all()
    assert (x.dtype, mask.dtype, x.shape) == (np.float32, np.uint8, (30, 32, 32))


def test_masks_say_what_the_picture_shows():
    x, mask = OverlappingShapes().draw(200, seed=1)
    assert ((mask > 0) == (x > 0)).all()
    counts = mask.max(axis=(1, 2))
    assert (np.bincount(counts, minlength=5)[2:] > 40).all() and counts.min() == 2
    for scene, labels in zip(x[:50], mask[:50], strict=True):
        for k in range(1, labels.max() + 1):
            greys = np.unique(scene[labels == k])
            assert len(greys) <= 2 and greys[-1] == 1.0 and (greys[:-1] >= 0.3).all() and (greys[:-1] <= 0.8).all()
    # The last object lies in front: all of it is seen, and its outline is drawn where it meets others.
    front = mask == counts[:, None, None]
    edge = front & ~neighbours_inside(mask)
    assert (x[edge] == 1.0).all()


def test_parts_are_hidden_but_never_too_much():
    """Alone, an object of the same kind and size has its full area; here some show less, none less than allowed."""
    full = OverlappingShapes(kinds=("square",), radius=(6.0, 6.0), fewest=1, most=1)
    area = (full.draw(200, seed=0)[1] > 0).sum(axis=(1, 2))
    assert abs(area.mean() - (2 * 0.71 * 6.0) ** 2) < 0.5
    several = OverlappingShapes(kinds=("square",), radius=(6.0, 6.0), fewest=3, most=3, visible=0.6)
    mask = several.draw(200, seed=0)[1]
    seen = np.stack([(mask == k).sum(axis=(1, 2)) for k in (1, 2, 3)])
    assert seen.min() >= 0.6 * area.min() and (seen.sum(0) < 3 * np.median(area)).mean() > 0.8
    assert abs(seen[2].mean() - area.mean()) < 1.0


@pytest.mark.parametrize(("kind", "area"), [("square", (2 * 0.71) ** 2), ("triangle", 3 * 3**0.5 / 4),
                                            ("circle", np.pi * 0.81), ("tetromino", 4 * 0.25)])
def test_areas_of_the_kinds(kind, area):
    task = OverlappingShapes(size=64, kinds=(kind,), radius=(20.0, 20.0), fewest=1, most=1, outline=None)
    x, mask = task.draw(100, seed=0)
    assert (mask > 0).sum(axis=(1, 2)).mean() / 400 == pytest.approx(area, rel=0.1)
    assert all(len(np.unique(scene)) == 2 for scene in x)


def test_equal_greys_and_noise():
    x, mask = OverlappingShapes(fill=(0.5, 0.5), outline=None, noise=0.2).draw(100, seed=0)
    left = x - 0.5 * (mask > 0)
    assert abs(left.mean()) < 0.01 and left.std() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("arguments", [{"kinds": ()}, {"kinds": ("star",)}, {"most": 1}, {"most": 9}, {"noise": -0.1},
                                       {"radius": (9.0, 5.0)}, {"radius": (5.0, 40.0)}, {"visible": 1.0},
                                       {"fill": (0.5, 0.2)}, {"outline": 2.0}])
def test_bad_parameters(arguments):
    with pytest.raises(DataError, match=r"OverlappingShapes\.\w+: .* expected"):
        OverlappingShapes(**arguments)


def test_impossible_scenes_and_sizes():
    with pytest.raises(DataError, match="OverlappingShapes.visible: 0.99 of every object was not to be had"):
        OverlappingShapes(size=16, radius=(6.0, 7.0), fewest=4, visible=0.99).draw(2, seed=0)
    with pytest.raises(DataError, match="OverlappingShapes.draw.n: is 0"):
        OverlappingShapes().draw(0, seed=0)
