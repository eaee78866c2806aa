"""Machine code from LLVM IR, cached on disk.

A kernel's object code is stored under a name that hashes its IR, the processor and the LLVM version, so that a second
process loads it without compiling. The folder is ``cache_dir()``: environment variable SNN_CACHE_DIR, else
``~/.cache/snn``. A damaged or unwritable cache costs a compilation, never a result.
"""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

import llvmlite.binding as llvm

_keep = []


def cache_dir():
    """Folder of compiled code."""
    return Path(os.environ.get("SNN_CACHE_DIR") or Path.home() / ".cache" / "snn")


def is_x86():
    """Whether this is an x86 processor; runs then treat denormal numbers as zero, in the engine and the reference."""
    return llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))


@functools.cache
def _machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


def _optimised(text):
    module = llvm.parse_assembly(text)
    module.verify()
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    return _machine().emit_object(module)


def _object(text):
    salt = f"{llvm.llvm_version_info}|{llvm.get_host_cpu_name()}|{llvm.get_host_cpu_features().flatten()}|"
    path = cache_dir() / "kernels" / (hashlib.sha256((salt + text).encode()).hexdigest()[:32] + ".o")
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[32:]).digest() == data[:32]:
            return data[32:]
    except OSError:
        pass
    data = _optimised(text)
    store(path, hashlib.sha256(data).digest() + data)
    return data


def store(path, data):
    """Write beside and rename, so that two processes at once never see half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        os.replace(name, path)
    except OSError:
        pass


@functools.cache
def address(text, name):
    """Address of function ``name`` of the module ``text``, compiled for this processor."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine_for_engine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(_object(text)))
    engine.finalize_object()
    _keep.append(engine)
    return engine.get_function_address(name)


def _machine_for_engine():
    """An engine takes ownership of its target machine, so each gets its own."""
    _machine()
    return llvm.Target.from_default_triple().create_target_machine(jit=True)
