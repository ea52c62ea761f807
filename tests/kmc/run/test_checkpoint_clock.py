"""Checkpoints take at most a twentieth of the wall time of a run."""

from __future__ import annotations

from itertools import pairwise

from kmc.run.checkpoint_clock import CheckpointClock


def test_an_expensive_checkpoint_is_written_less_often():
    """A clock that advances 1 s a window; a checkpoint takes 0.125 s, then 30 s."""
    for cost, most in ((0.125, 60.0), (30.0, 600.0)):
        now, written = [0.0], []
        clock = CheckpointClock(60.0, lambda now=now: now[0])

        def save(now=now, written=written, cost=cost):
            now[0] += cost
            written.append(now[0])

        while len(written) < 4:
            now[0] += 1.0
            if clock.due():
                clock.write(save)
        assert clock.cost_s == cost
        assert [b - a - cost for a, b in pairwise(written)] == [most + 1] * 3
        assert cost * (len(written) - 1) <= 0.05 * (written[-1] - written[0])
