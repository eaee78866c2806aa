"""The optional package nir."""
from snn.errors import RunError


def nir_package(where):
    """The module nir. Errors: RunError where it is not installed."""
    try:
        import nir
    except ImportError:
        raise RunError(f"{where}: needs the package nir. Install it: pip install snn-sim[nir]") from None
    return nir
