"""The embedded cluster against recordings of a real control plane."""

from __future__ import annotations

from pathlib import Path

from selfheal.sandbox.kubernetes.fidelity.compare import differences
from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.fidelity.replay import replay
from selfheal.sandbox.kubernetes.fidelity.table import BEGIN, END, measure, table, write

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "sandbox.md"


def test_the_table_in_the_documentation_is_what_is_measured(shared):
    cases, found = measure(shared / "recordings")
    text = DOCUMENT.read_text(encoding="utf-8")
    written = BEGIN + text.partition(BEGIN)[2].partition(END)[0] + END
    assert table(cases, found) == written
    assert len({item.case for item in found}) <= 1


def test_the_table_is_put_between_its_marks(tmp_path):
    document = tmp_path / "d.md"
    document.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n", encoding="utf-8")
    write(document, table(["a", "b"], []))
    text = document.read_text(encoding="utf-8")
    assert text.startswith("head\n") and text.endswith("tail\n")
    assert "2 recordings replayed, 2 without any difference, 0 differences" in text and "old" not in text


def test_after_the_fix_everything_is_as_recorded(shared):
    """Containers and conditions of the healthy halves; their events are those of the fault before."""
    left = []
    for folder in sorted((shared / "recordings").glob("*/healthy")):
        recording = Recording(folder)
        emulator = replay(recording)
        for _moment in range(4):
            found = [
                item
                for item in differences(folder.parent.name, recording, emulator)
                if "events" not in item.what
            ]
            if not found:
                break
            emulator.advance(8)
        left += found
    assert left == []
