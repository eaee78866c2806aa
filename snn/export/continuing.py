"""Going on with a run in the file that it has written: whether the file is the right one, and where it is cut."""
import numpy as np

from snn.errors import RunError
from snn.export.layout import KINDS, VERSION, read_group
from snn.export.stored import Source

APPEND = "simulate.append"


def check_continues(file, path, contents, channels, meta, first):
    """RunError unless a run of these channels that begins at step ``first`` goes on with what an archive holds."""
    if contents.version != VERSION:
        raise RunError(f"{APPEND}: '{path}' has layout version {contents.version}, only {VERSION} is gone on with. "
                       "Copy it with snn.export.archive.write(snn.open(path), new path) and name the copy.")
    names = ["/".join(key) for key in channels]
    if set(names) != set(contents.names):
        raise RunError(f"{APPEND}: '{path}' holds {_listed(contents.names)}, the run records {_listed(names)}. "
                       "Record the same things, or choose another file.")
    for key, channel in channels.items():
        _check_channel(path, read_group(file, "/".join(key)), channel)
    for name in ("dt", "network"):
        was = contents.meta.get(name)
        if was is not None and meta.get(name) is not None and was != meta[name]:
            raise RunError(f"{APPEND}: '{path}' was written by another run: {_difference(name, was, meta[name])}. "
                           "Choose another file.")
    begins = min((read_group(file, name, arrays=False).first_step for name in names), default=0)
    if not begins <= first <= contents.commit.step:
        raise RunError(f"{APPEND}: '{path}' holds steps {begins} to {contents.commit.step}, the run begins at step "
                       f"{first}. Begin inside or at the end, with an earlier state.")


def _check_channel(path, was, now):
    kind = KINDS[now.key[0]]
    for name in (*kind.attributes, *kind.arrays):
        a, b = getattr(was, name), getattr(now, name)
        same = np.dtype(a) == np.dtype(b) if name == "dtype" else np.array_equal(a, b)
        if name != "first_step" and not same:
            shown = "others" if name in kind.arrays else f"{a} and not {b}"
            raise RunError(f"{APPEND}: '{path}' holds {'.'.join(now.key[1:])} with {name} {shown}. Record the same as "
                           "before, or choose another file.")


def _difference(name, was, now):
    if not isinstance(was, dict) or not isinstance(now, dict):
        return f"{name} is {was!r}, now {now!r}"[:300]
    key = next(k for k in [*was, *now] if was.get(k) != now.get(k))
    return _difference(f"{name}.{key}", was.get(key), now.get(key))


def _listed(names):
    return ", ".join(sorted(name.replace("/", " ", 1) for name in names)) or "nothing"


def kept(path, file, contents, channels, first):
    """``(rows, time of the last of them)`` of every channel that lie before step ``first``."""
    found = {}
    for key, channel in channels.items():
        source = Source(path, file, contents, "/".join(key))
        rows = source.search(0, source.rows, first * channel.dt)
        found[key] = rows, source.read(0, rows - 1, rows)[0] if rows else -np.inf
    return found


def joined_meta(contents, meta):
    """The meta of the whole run: that of its last piece, but begin and duration, in ms, of all."""
    old = all_meta(contents)
    whole = {**old, **meta}
    if "start" in old:
        whole["start"] = old["start"]
        if "duration" in meta and "start" in meta:
            # Without this a sum such as 0.1 + 0.2 would show that there were two pieces.
            whole["duration"] = float(f"{meta['start'] - old['start'] + meta['duration']:.12g}")
    return whole


def all_meta(contents):
    """Meta with everything that was added to it."""
    meta = {"complete": False} | contents.meta
    for text in contents.added:
        meta |= text
    meta.pop("continued_at", None)
    return meta


def joined_wall(before, now):
    """Seconds of all pieces, where those of the earlier ones are known."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now
    return {name: value + before.get(name, 0.0) for name, value in now.items()}
