"""The description of a run as JSON, for formats that have a place for a text."""
import json

from snn.errors import DataError


def json_text(value, *, where, **options):
    """``value`` as JSON, arrays and numbers of NumPy included; DataError for what JSON cannot hold."""
    try:
        return json.dumps(value, default=lambda x: x.tolist(), **options)
    except (TypeError, ValueError, AttributeError) as err:
        raise DataError(f"{where}: result.meta cannot be written as JSON ({err}). Use numbers, strings, lists and "
                        "dicts.") from err
