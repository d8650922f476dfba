"""How the time is divided: every block is measured once before any is measured again, within a limit."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Share:
    """A block's part of the plan: the rounds that fit, each of about so many seconds."""

    name: str
    seconds_per_round: float
    wanted_rounds: int
    rounds: int = 0


class TimePlan:
    """Chooses rounds at the start and takes some back when the machine turns out to be slower than thought."""

    def __init__(self, limit_seconds: float, shares: Iterable[tuple[str, float, int]], before_seconds: float = 0):
        """`shares`: name, seconds a round and wanted rounds of each block, in order; `before_seconds`: set-up."""
        self.limit_seconds = limit_seconds
        self.before_seconds = before_seconds
        self.shares = [Share(*share) for share in shares]
        self._planned_seconds = self._spent_seconds = 0.0
        self._choose()

    def _choose(self) -> None:
        left = self.limit_seconds - self.before_seconds
        for share in self.shares:
            if share.wanted_rounds > 0 and share.seconds_per_round <= left:
                share.rounds = 1
                left -= share.seconds_per_round
        grown = True
        while grown:
            grown = False
            for share in self.shares:
                if 0 < share.rounds < share.wanted_rounds and share.seconds_per_round <= left:
                    share.rounds += 1
                    left -= share.seconds_per_round
                    grown = True

    @property
    def total_seconds(self) -> float:
        """How long everything takes that was chosen."""
        return self.before_seconds + sum(share.rounds * share.seconds_per_round for share in self.shares)

    @property
    def slowness(self) -> float:
        """How many times the planned time has been needed up to now."""
        return self._spent_seconds / self._planned_seconds if self._planned_seconds else 1.0

    def allows(self, name: str, round_index: int, elapsed_seconds: float) -> bool:
        """Whether a round (from 0) may begin.

        A planned one leaves time for the first round of all later blocks; one that is wanted beyond the plan, since the
        machine is faster, leaves it for everything that was planned.
        """
        share = self._share(name)
        if round_index >= share.wanted_rounds:
            return False
        later = self.shares[self.shares.index(share) + 1 :]
        needed = share.seconds_per_round
        if share.rounds <= round_index:
            needed += sum(one.rounds * one.seconds_per_round for one in later)
        elif round_index > 0:
            needed += sum(one.seconds_per_round for one in later if one.rounds > 0)
        return elapsed_seconds + self.slowness * needed <= self.limit_seconds

    def record(self, name: str, seconds: float) -> None:
        """Tells how long a round of the block really took."""
        self._planned_seconds += self._share(name).seconds_per_round
        self._spent_seconds += seconds

    def left_seconds(self, name: str, round_index: int) -> float:
        """How long the rest takes from the begin of a round on, at the pace until now."""
        share = self._share(name)
        later = self.shares[self.shares.index(share) + 1 :]
        rest = max(0, share.rounds - round_index) * share.seconds_per_round
        return self.slowness * (rest + sum(one.rounds * one.seconds_per_round for one in later))

    def lines(self) -> list[str]:
        """The plan for a person."""
        width = max([len(share.name) for share in self.shares], default=0)
        lines = [f"{'set-up and trials':{width}}  about {self.before_seconds:4.0f} s"]
        for share in self.shares:
            fits = f"{share.rounds} × {share.seconds_per_round:.0f} s" if share.rounds else "only if time is left"
            cut = f" of {share.wanted_rounds} rounds wanted" if 0 < share.rounds < share.wanted_rounds else ""
            lines.append(f"{share.name:{width}}  {fits}{cut}")
        total, limit = self.total_seconds / 60, self.limit_seconds / 60
        lines.append(f"{'all':{width}}  about {total:.1f} min; not beyond {limit:.1f}")
        return lines

    def _share(self, name: str) -> Share:
        return next(share for share in self.shares if share.name == name)
