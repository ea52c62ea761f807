"""A damaged checkpoint is never used; the previous one is read instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kmc.files.checkpoint import NAME, PREVIOUS, has_checkpoint, read_checkpoint, write_checkpoint
from lattices.errors import InputError


def arrays(frame: int) -> dict[str, np.ndarray]:
    return {
        "state_occupants": np.full((2, 5), frame, dtype=np.uint8),
        "start_trials": np.arange(6, dtype=np.int64).reshape(2, 3) * frame,
        "empty": np.zeros((0, 3), dtype=np.float64),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints, of frames 1 and 2."""
    for frame in (1, 2):
        write_checkpoint(tmp_path, arrays(frame), {"frame": frame, "schedule": None})
    return tmp_path


def read_frame(folder: Path) -> int:
    found, meta = read_checkpoint(folder)
    expected = arrays(meta["frame"])
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[k], v) and found[k].dtype == v.dtype for k, v in expected.items())
    return int(meta["frame"])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Change one byte of an array's content, which makes up most of a checkpoint."""
    content = bytearray(path.read_bytes())
    at = content.index(bytes([2] * 10) if path.name == NAME else bytes([1] * 10))
    content[at] ^= 0x40
    path.write_bytes(bytes(content))


def other_text(path: Path) -> None:
    path.write_text("no checkpoint at all")


def other_arrays(path: Path) -> None:
    """Arrays of another time under this metadata: the archive is valid, but the checksum does not match."""
    with np.load(path) as stored:
        meta = stored["meta"]
    np.savez(path, meta=meta, **{k: v + 1 for k, v in arrays(2).items()})


def no_meta(path: Path) -> None:
    np.savez(path, **arrays(2))


def meta_not_json(path: Path) -> None:
    np.savez(path, meta=np.array("{half"), **arrays(2))


DAMAGE = [cut, empty, flip, other_text, other_arrays, no_meta, meta_not_json]


def test_the_newest_is_read(folder: Path) -> None:
    assert read_frame(folder) == 2
    assert not (folder / f"{NAME}.new").exists()


@pytest.mark.parametrize("damage", DAMAGE)
def test_after_a_damaged_checkpoint_the_previous_one_is_read(folder: Path, damage) -> None:
    damage(folder / NAME)
    assert read_frame(folder) == 1


@pytest.mark.parametrize("damage", DAMAGE)
def test_two_damaged_checkpoints_give_a_one_line_error(folder: Path, damage) -> None:
    damage(folder / NAME)
    damage(folder / PREVIOUS)
    with pytest.raises(InputError) as caught:
        read_checkpoint(folder)
    assert NAME in str(caught.value) and "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_detected(folder: Path) -> None:
    """Wherever the newest checkpoint is damaged, the one that is read is exactly as it was written."""
    sound = (folder / NAME).read_bytes()
    generator = np.random.default_rng(7)
    for at in generator.choice(len(sound), 300, replace=False):
        content = bytearray(sound)
        content[at] ^= 1 << int(generator.integers(8))
        (folder / NAME).write_bytes(bytes(content))
        assert read_frame(folder) in (1, 2)


def test_an_interruption_between_the_two_renames_loses_nothing(folder: Path) -> None:
    (folder / NAME).rename(folder / PREVIOUS)
    assert has_checkpoint(folder) and read_frame(folder) == 2


def test_an_interrupted_write_keeps_the_previous_checkpoints(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(folder, arrays(3), {"frame": 3})
    assert read_frame(folder) == 2


def test_a_missing_checkpoint_gives_a_one_line_error(tmp_path: Path) -> None:
    assert not has_checkpoint(tmp_path)
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        read_checkpoint(tmp_path)


def test_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmc.files.checkpoint.SCHEMA", 999)
    write_checkpoint(tmp_path, arrays(1), {"frame": 1})
    monkeypatch.undo()
    with pytest.raises(InputError, match="schema 999, this version reads"):
        read_checkpoint(tmp_path)
