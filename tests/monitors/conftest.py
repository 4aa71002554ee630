"""What the tests of monitors files share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vantage.monitors_file.read import Reading, read
from vantage.monitors_file.values import Here

HERE = Here(regions=("USA", "INDIA", "EU"), reserved=frozenset(("vantage-reference-1",)), channels=frozenset())
ENV = {"HOST": "www.example.com", "TRUTH": "false", "NOTHING": "", "TOKEN": "s3cret"}
Written = Callable[..., Reading]


@pytest.fixture
def reading(tmp_path: Path) -> Written:
    """Writes texts as 1.yaml, 2.yaml, … into a folder and reads that."""

    def written(*texts: str | bytes, here: Here = HERE) -> Reading:
        for number, text in enumerate(texts, 1):
            (tmp_path / f"{number}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read([tmp_path], ENV, here)

    return written


def said(reading: Reading) -> list[str]:
    """The faults as file:line: sentence, without the folder."""
    return [f"{Path(f.place.file).name}:{f.place.line}: {f.sentence}" for f in reading.faults]
