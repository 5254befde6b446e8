"""Reads Parquet through pyarrow, in the driver as in a trial; values are kept as Python's."""

from __future__ import annotations

from summtune.corpus.table import Found, Record, Rows


def read_parquet(content: bytes) -> Rows:
    """The rows of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        header = tuple(file.schema_arrow.names)
        doubled = next((name for name in header if header.count(name) > 1), None)
        if doubled is not None:
            return Rows((), (), (Found(None, f"two columns are called {doubled!r}.", "Rename one of them."),), "row")
        rows = file.read().to_pylist()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as problem:
        reason = f"this isn't a whole Parquet file: {str(problem).splitlines()[0].rstrip('.')}."
        return Rows((), (), (Found(None, reason, "Write it again."),), "row")
    return Rows(header, tuple(Record(number, row) for number, row in enumerate(rows, start=1)), (), "row")
