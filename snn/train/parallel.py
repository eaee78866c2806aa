"""Run a compiled kernel on all cores from Python, in torch's own pool of threads.

What it is
    A kernel is ``void kernel(int64 *words, int64 step, int64 part)``, as in ``snn.run.block``. :func:`run` calls it
    once for every part. The parts are divided among the threads of the OpenMP library that torch has loaded, because a
    second pool would fight with torch's waiting threads for the cores. Where that library has no ``GOMP_parallel`` (or
    there is one part), the parts run one after another in the calling thread.

    The number of parts is ``torch.get_num_threads()`` unless given. What a part may write is the kernel's affair; a
    kernel's result must not depend on the number of parts.
"""
import ctypes
import functools

import numpy as np
import torch
from llvmlite import ir

from snn.run import native
from snn.run.block import I32, I64, POINTER, SIGNATURE, Block

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_Block = ctypes.c_int64 * 6


def words(*values):
    """The argument array of a kernel: integers, and addresses of tensors. The tensors must be kept alive by the
    caller."""
    return np.array([v.data_ptr() if isinstance(v, torch.Tensor) else int(v) for v in values], dtype=np.int64)


def run(address, arguments, *, parts=None, step=0):
    """Call the kernel at ``address`` with the int64 array ``arguments`` (of numpy or ctypes) once for every part."""
    parts = torch.get_num_threads() if parts is None else parts
    given = arguments.ctypes.data if isinstance(arguments, np.ndarray) else ctypes.addressof(arguments)
    begin = _parallel()
    if parts == 1 or begin is None:
        call = _callable(address)
        for part in range(parts):
            call(given, step, part)
        return
    begin, thread, threads = begin
    block = _Block(address, given, step, parts, thread, threads)
    begin(_entry(), ctypes.addressof(block), min(parts, torch.get_num_threads()), 0)


@functools.cache
def _callable(address):
    return _KERNEL(address)


@functools.cache
def _parallel():
    """``(GOMP_parallel, address of omp_get_thread_num, address of omp_get_num_threads)`` of the loaded OpenMP library,
    or None."""
    try:
        library = ctypes.CDLL(None)
        begin = library.GOMP_parallel
    except (OSError, AttributeError):
        try:
            begin = (library := ctypes.CDLL(_loaded_openmp())).GOMP_parallel
        except (OSError, AttributeError, TypeError):
            return None
    begin.argtypes, begin.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return begin, *(ctypes.cast(getattr(library, f"omp_get_{name}"), ctypes.c_void_p).value
                    for name in ("thread_num", "num_threads"))


def _loaded_openmp():
    """Path of the OpenMP library of torch, found among the files beside it; None where there is none."""
    from pathlib import Path
    folders = [Path(torch.__file__).parent / "lib", Path(torch.__file__).parent.parent / "torch.libs"]
    found = [f for folder in folders for pattern in ("libgomp*", "libomp*") for f in folder.glob(pattern)]
    return str(found[0]) if found else None


@functools.cache
def _entry():
    """Address of ``void entry(int64 *block)``, which every thread of a parallel region runs: parts tid, tid + threads,
    ..."""
    module = ir.Module(name="parallel_entry")
    f = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name="entry")
    k = Block("entry", f)
    address, arguments, step, parts, thread, threads = (k.word(j) for j in range(6))
    number = ir.FunctionType(I32, [])
    first, stride = (k.b.sext(k.call(a, number, []), I64) for a in (thread, threads))
    head, body, after = (k.b.append_basic_block(n) for n in ("head", "body", "after"))
    before = k.b.block
    k.b.branch(head)
    k.b.position_at_end(head)
    part = k.b.phi(I64)
    part.add_incoming(first, before)
    k.b.cbranch(k.b.icmp_signed("<", part, parts), body, after)
    k.b.position_at_end(body)
    k.call(address, SIGNATURE, [k.b.inttoptr(arguments, POINTER), step, part])
    part.add_incoming(k.b.add(part, stride), k.b.block)
    k.b.branch(head)
    k.b.position_at_end(after)
    k.b.ret_void()
    return native.address(str(module), "entry")
