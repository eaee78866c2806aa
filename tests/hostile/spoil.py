"""Ways to make an intact HDF5 file hostile, each tried on every table, group and attribute of it.

A *strict* way leads elsewhere or declares what is not there: whoever still reads the file must not have looked at it.
The others change what is there; the file may be read or refused.
"""
import math
import zlib

import h5py
import numpy as np

HUGE, LARGE = 1 << 60, 1 << 33


def _replaced(parent, name, **options):
    del parent[name]
    return parent.create_dataset(name, **options)


def _linked(parent, name, link):
    del parent[name]
    parent[name] = link


def _declared(parent, name, data, rows, *, chunk=1024, **options):
    """The same type and rank, with ``rows`` rows that nobody wrote."""
    shape = (rows, *data.shape[1:]) if data.ndim else (rows,)
    return _replaced(parent, name, shape=shape, dtype=data.dtype, maxshape=(None,) * len(shape),
                     chunks=(chunk, *(1 for _ in shape[1:])), **options)


def _virtual(parent, name, data, outside):
    layout = h5py.VirtualLayout(data.shape or (1,), data.dtype)
    layout[...] = h5py.VirtualSource(outside, "x", data.shape or (1,))
    del parent[name]
    parent.create_virtual_dataset(name, layout)


def _external(parent, name, data, outside):
    nbytes = max(data.size, 1) * 16
    _replaced(parent, name, shape=data.shape or (1,), dtype=data.dtype, external=[(outside, 0, nbytes)])


def _bomb(parent, name, data, outside):
    """One small chunk that inflates to 2 GB."""
    kind = data.dtype if data.dtype.kind in "iuf" else np.dtype("f8")
    rows = 1 << 15
    table = _replaced(parent, name, shape=(rows,), dtype=kind, chunks=(rows,), compression="gzip")
    table.id.write_direct_chunk((0,), BOMB)


def _cycle(parent, name, data, outside):
    _linked(parent, name, h5py.SoftLink(f"{parent.name}/turn"))
    parent["turn"] = h5py.SoftLink(f"{parent.name}/{name}")


def _vlen(parent, name, data, outside):
    table = _replaced(parent, name, shape=data.shape or (1,), dtype=h5py.vlen_dtype(np.float64))
    if table.size:
        table[(0,) * table.ndim] = [1.0, 2.0]


def _values(change):
    def spoil(parent, name, data, outside):
        found = data[()]
        attributes = dict(data.attrs)
        _replaced(parent, name, data=change(np.asarray(found))).attrs.update(attributes)
    return spoil


def _zeros(megabytes):
    """A zlib stream of so many MB of zeros, put together from equal blocks."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    checksum = ((megabytes << 20) % 65521 << 16) + 1
    return b"\x78\xda" + block * megabytes + b"\x03\x00" + checksum.to_bytes(4, "big")


BOMB = _zeros(2048)
STRICT = {
    "external link": lambda p, n, d, o: _linked(p, n, h5py.ExternalLink(o, "/")),
    "link to passwd": lambda p, n, d, o: _linked(p, n, h5py.ExternalLink("/etc/passwd", "/")),
    "soft link through another file": lambda p, n, d, o: (
        _linked(p, n, h5py.SoftLink("/elsewhere/x")), p.file.__setitem__("elsewhere", h5py.ExternalLink(o, "/"))),
    "soft link to nothing": lambda p, n, d, o: _linked(p, n, h5py.SoftLink("/no/such")),
    "cycle of soft links": _cycle,
    "virtual": _virtual,
    "external storage": _external,
    "2^60 rows": lambda p, n, d, o: _declared(p, n, d, HUGE),
    "2^60 rows, packed": lambda p, n, d, o: _declared(p, n, d, HUGE, compression="gzip", shuffle=True),
    "2^33 rows": lambda p, n, d, o: _declared(p, n, d, LARGE),
    "one more row than was written": lambda p, n, d, o: _declared(p, n, d, max(len(d), 1) + 1 if d.ndim else 2),
    "huge chunk": lambda p, n, d, o: _declared(p, n, d, LARGE, chunk=(1 << 32) // 16 // max(d.dtype.itemsize, 1)),
    "bomb": _bomb,
}
CHANGES = {
    "strings": lambda a: np.full(a.shape, b"x", "S4"),
    "long strings": lambda a: np.full(a.shape[:1] and (1,), b"x", "S1000000"),
    "compound": lambda a: np.zeros(a.shape, [("a", "f8")]),
    "float16": lambda a: a.astype("f2") if a.dtype.kind in "iuf" else a,
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")) if a.dtype.kind in "iuf" else a,
    "long double": lambda a: np.ones(a.shape, "g"),
    "complex": lambda a: np.ones(a.shape, complex),
    "whole": lambda a: np.ones(a.shape, "i8"),
    "truth": lambda a: np.ones(a.shape, bool),
    "float": lambda a: np.ones(a.shape) * 0.5,
    "not a number": lambda a: np.full(a.shape, np.nan),
    "infinite": lambda a: np.full(a.shape, np.inf),
    "negative": lambda a: np.full(a.shape, -1),
    "largest": lambda a: np.full(a.shape, 2 ** 64 - 1, "u8"),
    "2^40": lambda a: np.full(a.shape, 2 ** 40),
    "reversed": lambda a: a[::-1] if a.ndim else a,
    "no rank": lambda a: np.float64(3.0),
    "one rank more": lambda a: np.ones((*a.shape, 2)),
    "four ranks": lambda a: np.ones((2, 2, 2, 2)),
    "empty": lambda a: np.zeros(0),
    "one row less": lambda a: a[:-1] if a.ndim else a,
    "one row more": lambda a: np.concatenate([a, a[-1:]]) if a.ndim and len(a) else a,
}
LOOSE = {
    "missing": lambda p, n, d, o: p.__delitem__(n),
    "a group": lambda p, n, d, o: (p.__delitem__(n), p.create_group(n)),
    "null": lambda p, n, d, o: _replaced(p, n, data=h5py.Empty("f8")),
    "references": lambda p, n, d, o: _replaced(p, n, data=np.array([p.ref] * 3, h5py.ref_dtype)),
    "sequences": _vlen,
    **{name: _values(change) for name, change in CHANGES.items()},
}
ATTRIBUTES = {
    "missing": None, "text": "x", "number": 3.5, "nan": math.nan, "negative": -1, "largest": np.uint64(2 ** 64 - 1),
    "2^40": 1 << 40, "array": np.arange(3.0), "empty": h5py.Empty("f8"), "not UTF-8": np.bytes_(b"\xff\xfe"),
    "deep": "[" * 30_000, "long": "x" * 60_000, "brace": "{}", "list": "[1, [2]]",
    "up": "../../up", "nul": np.bytes_(b"a\x1b[31m"), "many digits": "9" * 5000, "strings": np.array([b"ab", b"cd"]),
}
GROUPS = {
    "a table": lambda p, n: (p.__delitem__(n), p.__setitem__(n, np.arange(3.0))),
    "missing": lambda p, n: p.__delitem__(n),
    "cycle": lambda p, n: p[n].__setitem__("self", p[n]),
    "odd name": lambda p, n: p[n].create_group("\x1b[31m\n"),
    "not UTF-8": lambda p, n: h5py.h5g.create(p[n].id, b"\xff\xfe"),
    "dots": lambda p, n: p[n].create_group("..\\.."),
    "many": lambda p, n: [p[n].create_group(f"g{k}") for k in range(300)],
    "emptied": lambda p, n: [p[n].__delitem__(k) for k in list(p[n])],
}


def ways(path):
    """All (what, where, strict, function of an open file) for one intact file, in a fixed order."""
    tables, groups, attributes, found = [], [], [], []
    with h5py.File(path) as file:
        file.visititems(lambda name, x: (tables if isinstance(x, h5py.Dataset) else groups).append(name))
        for name in ["/", *tables, *groups]:
            attributes += [(name, key) for key in file[name].attrs]

    def at(function, name, *rest):
        parent, _, last = f"/{name}".rpartition("/")
        return lambda file, outside: function(file[parent or "/"], last, *(f(file, name, outside) for f in rest))
    table, out = (lambda file, name, outside: file[name]), (lambda file, name, outside: outside)
    for name in tables:
        found += [(what, name, True, at(f, name, table, out)) for what, f in STRICT.items()]
        found += [(what, name, False, at(f, name, table, out)) for what, f in LOOSE.items()]
    for name in groups:
        found += [(what, name, False, at(f, name)) for what, f in GROUPS.items()]
        found += [(what, name, True, at(lambda p, n, o, f=STRICT[what]: f(p, n, None, o), name, out))
                  for what in ("external link", "link to passwd", "cycle of soft links")]
    found += [(what, f"{name}@{key}", False, _attribute(name, key, value))
              for name, key in attributes for what, value in ATTRIBUTES.items()]
    return found


def _attribute(name, key, value):
    def spoil(file, outside):
        del file[name].attrs[key]
        if value is not None:
            file[name].attrs[key] = value
    return spoil
