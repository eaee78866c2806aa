"""Progress of exporters."""
from tqdm import tqdm


def shown(blocks, total, what):
    """``blocks`` (tuples of arrays, ``total`` rows in all), with a bar at a terminal where they take long."""
    with tqdm(total=total, desc=what, unit=" rows", unit_scale=True, disable=None, delay=2.0, leave=False) as bar:
        for block in blocks:
            yield block
            bar.update(len(block[0]))
