"""What a user may name in place of a file: nothing, a folder, a pipe, a file of another program."""
import os

import h5py


def _of_another_program(path):
    with h5py.File(path, "w") as file:
        file["x/y"] = [1.0, 2.0]
        file.attrs["format"] = 3


def _forbidden(path):
    path.write_bytes(bytes(100))
    path.chmod(0)


WAYS = {
    "nothing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,                                      # who opens it waits for ever
    "forbidden": _forbidden,
    "link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "link in a circle": lambda path: path.symlink_to(path),
    "of another program": _of_another_program,
    "empty HDF5": lambda path: h5py.File(path, "w").close(),
    "only the signature": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(5000)),
    "text": lambda path: path.write_text("hello\n" * 100),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 20),
}
