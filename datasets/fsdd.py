"""Spoken digits as spikes: an excerpt of the Free Spoken Digit Dataset, in the SHD layout, that comes with the package.

What it is
    English digits of five speakers (8 kHz recordings), turned into spikes of 700 channels by a model of the inner ear
    (travelling-wave cochlea, hair cells, auditory nerve, bushy cells), the chain that made the Spiking Heidelberg
    Digits. Training: 160 recordings (george, jackson, nicolas, theo; 4 per digit and speaker). Test: 80 further
    recordings of the same four, and 50 of lucas, whom training never hears. Spike times are rounded to whole ms.

Licence
    Recordings: Zohar Jackson and others, Free Spoken Digit Dataset,
    https://github.com/Jakobovski/free-spoken-digit-dataset. Recordings and excerpt: CC BY-SA 4.0.
"""
from snn.datasets.local import find
from snn.datasets.shd import SHD

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
UNSEEN = SPEAKERS.index("lucas")
SOURCE = "https://github.com/Jakobovski/free-spoken-digit-dataset (recordings; the spike files are made from them)"


def excerpt(*, cache=None):
    """The bundled excerpt: ``(train, test)``, two :class:`~snn.datasets.shd.SHD` of 160 and 130 samples.

    ``cache`` is the folder for the unpacked copies (default: the user's cache folder). Speakers are indices into
    :data:`SPEAKERS`; ``test.speakers == UNSEEN`` picks the speaker that training never hears.

    Example::

        train, test = excerpt()
        print(train[0].spikes.mean_rate, train.keys[train[0].label])
    """
    return tuple(SHD(find(f"fsdd_excerpt_{part}.h5.xz"), cache=cache) for part in ("train", "test"))


def full(*, folder=None, cache=None):
    """All 800 training and 350 test samples, ``(train, test)``, from ``fsdd-shd/`` in a data folder.

    ``folder``: where to look first, else the environment variable ``SNN_DATA``.
    Errors: :class:`~snn.errors.MissingFile` when the two files are not there.
    """
    names = ("fsdd-shd/fsdd_shd_train.h5.xz", "fsdd-shd/fsdd_shd_test.h5.xz")
    return tuple(SHD(find(name, folder=folder, source=SOURCE), cache=cache) for name in names)
