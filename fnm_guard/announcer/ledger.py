"""The books of all peers, and the steps of all of them in turn: a peer with much to hear of delays no other."""

from collections import deque
from typing import TYPE_CHECKING

from fnm_guard.announcer.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netaddr import IPNetwork

    from fnm_guard.announcer.account import Step
    from fnm_guard.core.model import Route
    from fnm_guard.core.policy import PeerProfile
    from fnm_guard.core.wanted import Change

__all__ = ["Ledger"]


class Ledger:
    """The books of all peers."""

    def __init__(self, peers: "Sequence[PeerProfile]") -> None:
        self.accounts = {peer.name: Account(peer) for peer in peers}
        self._turns = deque(self.accounts)
        self._leaving: list[tuple[str, Account]] = []

    def replace_peers(self, peers: "Sequence[PeerProfile]") -> None:
        """Take a new configuration; the books of a peer that stays are kept, and a new one waits to be listed."""
        old, self.accounts = self.accounts, {}
        for peer in peers:
            account = old.get(peer.name)
            if account is None or account.profile.address != peer.address:
                account = Account(peer)
                account.set_listed(False)
            account.profile = peer
            self.accounts[peer.name] = account
        for name, account in old.items():
            if self.accounts.get(name) is not account:
                account.forget()
                self._leaving.append((name, account))
        self._turns = deque(self.accounts)

    def want(self, routes: "Mapping[str, Iterable[Route]]") -> None:
        """Take all that each peer should hear from now on; a peer that is not named should hear nothing."""
        for name, account in self.accounts.items():
            account.want(routes.get(name, ()))

    def change(self, changes: "Mapping[str, Change]") -> None:
        """Take what each peer should hear too, and what no longer; a peer that is not named goes on as before."""
        for name, change in changes.items():
            account = self.accounts.get(name)
            if account is not None:
                account.change(change.added, change.removed)

    def next_step(self) -> "Step | None":
        """Give the next step, of each peer in turn; None: there is none before an answer comes in."""
        for _ in range(len(self._turns)):
            step = self.accounts[self._turns[0]].next_step()
            self._turns.rotate(-1)
            if step is not None:
                return step
        return None

    def settle(self, step: "Step", *, done: bool) -> None:
        """Enter the answer to a step; a peer that is no longer configured has no books."""
        account = self.accounts.get(step.peer)
        if account is not None:
            account.settle(step, done=done)

    def take_changes(self, limit: int) -> "list[tuple[str, IPNetwork, bool]]":
        """Give up to `limit` prefixes that became told (true) or untold since the last call, with the peer's name."""
        taken: list[tuple[str, IPNetwork, bool]] = []
        for name, account in (*self._leaving, *self.accounts.items()):
            taken += [(name, *change) for change in account.take_changes(limit - len(taken))]
        if len(taken) < limit:
            self._leaving.clear()
        return taken

    def forget(self) -> None:
        """ExaBGP is gone, and with it all it was told."""
        for account in self.accounts.values():
            account.forget()
