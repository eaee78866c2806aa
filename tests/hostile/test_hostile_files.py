"""Files that are damaged, made to mislead a reader, or no files: read, or refused by an error of ours that names them.

Never another exception, a crash, a hang, or memory beyond a bound; formats with checksums never give other values than
were written. Everything runs in :mod:`worker`, here a few cases of each kind, in the slow tests all.
"""
from collections import Counter

import no_files
import pytest
from harness import failures, outcomes
from readers import DAMAGE, READERS

THERE = [name for name, reader in READERS.items() if reader.there]
SPOILED = [name for name in THERE if READERS[name].is_hdf5 and name != "unfinished"]


def jobs(names, kinds, count, *, seed=0):
    return [[name, kind, seed, k] for name in names for kind in kinds for k in range(count)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """``(what, outcome)`` of a few jobs of every kind for every reader, from one process."""
    few = [*jobs(THERE, DAMAGE, 2), *jobs(SPOILED, ["spoil"], 10), *jobs(THERE, [*no_files.WAYS, "link"], 1)]
    return outcomes(tmp_path_factory.mktemp("hostile"), few)


def test_every_file_is_read_or_refused_by_name(found):
    assert not failures(found), "\n".join(failures(found))
    count = Counter(outcome for _, outcome in found)
    assert count["refused"] > 200 and count["read"] > 50


@pytest.mark.parametrize("name", THERE)
def test_what_is_no_file_is_refused_and_a_link_is_followed(found, name):
    mine = dict(found)
    assert mine[f"[{name}: link]"] == "read"
    accepted = [way for way in no_files.WAYS if mine[f"[{name}: {way}]"] != "refused"]
    # Who may read everything finds zeros there.
    assert not accepted


@pytest.mark.slow
@pytest.mark.parametrize("name", THERE)
def test_a_thousand_damaged_files(name, tmp_path):
    """10 to 40 s per reader."""
    found = outcomes(tmp_path, jobs([name], DAMAGE, 300, seed=1))
    assert not failures(found), "\n".join(failures(found))
    assert {"refused", "read"} >= {outcome for _, outcome in found} >= {"refused"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPOILED)
def test_every_table_group_and_attribute_in_every_way(name, tmp_path):
    """Some hundred ways per file, 5 to 30 s."""
    found = outcomes(tmp_path, jobs([name], ["spoil"], 900))
    assert not failures(found), "\n".join(failures(found))
    assert {outcome for _, outcome in found} == {"read", "refused"}
