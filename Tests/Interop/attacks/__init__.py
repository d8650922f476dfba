"""What attackers do to a collector: one function each, with its limit, what the peer sees of that, and what counts it.

`python -m attacks NAME` runs one of them, as tests and `make abuse` do.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .wire import CLOSED, Target, Until

# One attempt after the other is made, for as long as the attack is to go on; each says what the peer saw.
Attempt = Callable[[Target, Until], Iterator[str]]


@dataclass(frozen=True)
class Attack:
    """One way to hurt a collector."""

    attempt: Attempt
    # What it is, in the words of docs/security.md.
    title: str
    # What stops it, with the figures that hold by default.
    limit: str
    # What the peer must see at least once, and beside that nothing but `also`.
    sees: str
    # The series that must rise.
    counter: str
    # Those of the other limits, for an attack that meets several: which comes first is a matter of how fast it sends.
    earlier_counters: tuple[str, ...] = field(default=(), kw_only=True)
    also: tuple[str, ...] = ()
    # What the collector needs to be given for the test.
    environment: dict[str, str] = field(default_factory=dict, hash=False)
    uses_tls: bool = False
    # How long it takes until the limit strikes, when that is a time.
    takes_seconds: float = 0
    # The same without that environment, where it is longer.
    takes_seconds_by_default: float = field(default=0, kw_only=True)
    # So many do it at once, each on connections of its own.
    workers: int = 4

    @property
    def name(self) -> str:
        return self.attempt.__name__

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Its row in docs/security.md, as far as that needs no measurement."""
        return self.title, self.limit, self.sees, f"`{self.counter}`"

    def run(self, target: Target, until: Until) -> Counter[str]:
        """Attacks as fast as it can, and says how often the peer saw what."""
        seen: Counter[str] = Counter()

        def work() -> None:
            while until:
                try:
                    for one in self.attempt(target, until):
                        seen[one] += 1
                except OSError:
                    # Refused, or hung up on in the midst of a handshake.
                    seen[CLOSED] += 1
                until.done()

        threads = [threading.Thread(target=work) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen


ATTACKS: dict[str, Attack] = {}


def attack(**properties: object) -> Callable[[Attempt], Attempt]:
    """Makes a function an attack."""

    def register(attempt: Attempt) -> Attempt:
        made = Attack(attempt, **properties)
        ATTACKS[made.name] = made
        return attempt

    return register


from . import frames, floods, headers, messages, memory, hoards, connections  # noqa: E402, F401, I001
