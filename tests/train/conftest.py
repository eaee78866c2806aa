"""Shared by the tests of training."""
import pytest
import torch


@pytest.fixture
def one_thread():
    """Torch on one thread: with nets of a few neurons a second one only waits, and for long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
