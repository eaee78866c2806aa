"""How a table is stored in an HDF5 file, checked before it is read; the rules are in :mod:`snn.export.checked`."""
import itertools
import math
import os
import zlib

import h5py
from h5py import h5d, h5f, h5i

from snn.export.checked_attributes import refused

SMALL = 64 << 20
RATIO, CHUNK_RATIO = 64, 16
# Deflate cannot do better than 1032 to 1.
INFLATE = 1032
FILTERS = {h5py.h5z.FILTER_SHUFFLE: "shuffle", h5py.h5z.FILTER_DEFLATE: "gzip", h5py.h5z.FILTER_LZF: "lzf",
           h5py.h5z.FILTER_FLETCHER32: "fletcher32"}


def file_size(obj):
    """Bytes of the file that an object is in."""
    file = h5i.get_file_id(obj.id)
    if file.get_intent() & h5f.ACC_SWMR_READ:
        # The library would give the size that the file once had, and read zeros where it was cut off.
        return os.fstat(file.get_vfd_handle()).st_size
    return file.get_filesize()


def check_storage(data, plist, nbytes):
    """Refuse what lies outside the file, unknown filters, and contiguous tables that lack some of their ``nbytes``."""
    layout, filters = plist.get_layout(), plist.get_nfilters()
    if layout == h5d.VIRTUAL or plist.get_external_count():
        raise refused(data, "", "has its values in other files", "They must lie in the file itself.")
    codes = [plist.get_filter(i)[0] for i in range(filters)]
    if not FILTERS.keys() >= set(codes) or len(set(codes)) < filters:
        raise refused(data, "", f"is packed by the HDF5 filters {codes}",
                      f"Allowed are {', '.join(FILTERS.values())}, each once. Repack it with h5repack.")
    if layout == h5d.CONTIGUOUS and nbytes:
        offset, size = data.id.get_offset(), file_size(data)
        if offset is None or offset + nbytes > size:
            raise refused(data, "", f"declares {nbytes} bytes, which the file of {size} bytes does not hold",
                          "The file is damaged or was never filled; use an intact copy.")
    if layout == h5d.CHUNKED:
        chunk = math.prod(plist.get_chunk()) * data.dtype.itemsize
        if chunk > SMALL and chunk > RATIO * file_size(data):
            raise refused(data, "", f"has chunks of {chunk} bytes in a file of {file_size(data)}",
                          f"Chunks of up to {max(SMALL, RATIO * file_size(data))} bytes are read.")


def check_size(data, nbytes, limit):
    """Refuse a table that takes more memory than ``limit``, or by default than what stands in the file allows."""
    if nbytes <= (SMALL if limit is None else limit):
        return
    held = min(data.id.get_storage_size(), file_size(data))
    if limit is None and nbytes <= RATIO * held:
        return
    raise refused(data, "", f"declares {nbytes} bytes, of which the file holds {held}",
                  f"At most {max(SMALL, RATIO * held) if limit is None else limit} are read at once. Read a part "
                  "of the rows, or name a higher limit.")


def check_chunks(data, ranges):
    """Refuse to read chunks that were never written, or that would inflate to more than they declare."""
    first = [r.start // c for r, c in zip(ranges, data.chunks, strict=True)]
    count = [r[-1] // c - f + 1 for r, c, f in zip(ranges, data.chunks, first, strict=True)]
    if math.prod(count) > 64 and math.prod(count) > data.id.get_num_chunks():
        raise refused(data, "", f"declares {math.prod(count)} chunks, of which {data.id.get_num_chunks()} were written",
                      "The file is damaged or was never filled; use an intact copy.")
    size, nbytes = file_size(data), math.prod(data.chunks) * data.dtype.itemsize
    bomb = (SMALL + CHUNK_RATIO * size) // INFLATE if data.compression == "gzip" else math.inf
    for corner in itertools.product(*(range(f * c, (f + k) * c, c)
                                      for f, k, c in zip(first, count, data.chunks, strict=True))):
        stored = data.id.get_chunk_info_by_coord(corner)
        if stored.byte_offset is None or not stored.size:
            raise refused(data, "", f"has nothing at {corner}", "The file was never filled; use an intact copy.")
        if stored.byte_offset + stored.size > size or stored.size > 2 * nbytes + 4096:
            raise refused(data, "", f"has a chunk of {stored.size} bytes at {corner}",
                          "The file is damaged; use an intact copy.")
        if stored.size > bomb:
            _check_inflated(data, corner, nbytes)


def _check_inflated(data, corner, nbytes):
    """Inflate a chunk up to its declared size: the HDF5 library would go on, as far as the data lead."""
    mask, packed = data.id.read_direct_chunk(corner)
    if not mask:
        try:
            # A checksum of 4 bytes may stand inside.
            inflated = len(zlib.decompressobj().decompress(packed, nbytes + 5))
        except zlib.error:
            inflated = nbytes + 5
        if inflated > nbytes + 4:
            raise refused(data, "", f"has a damaged chunk at {corner}", f"It must inflate to {nbytes} bytes.")
