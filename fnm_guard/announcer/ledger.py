"""The books of all peers, and the steps of all of them in turn: a peer with much to hear of delays no other."""

from typing import TYPE_CHECKING

from fnm_guard.announcer.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fnm_guard.announcer.account import Step
    from fnm_guard.core.model import Route
    from fnm_guard.core.policy import PeerProfile

__all__ = ["Ledger"]


class Ledger:
    """The books of all peers."""

    def __init__(self, peers: "Sequence[PeerProfile]") -> None:
        self.accounts = {peer.name: Account(peer) for peer in peers}

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

    def want(self, routes: "Mapping[str, frozenset[Route]]") -> None:
        """Take what each peer should hear from now on; a peer that is not named should hear nothing."""
        for name, account in self.accounts.items():
            account.want(routes.get(name, frozenset()))

    def steps(self) -> "Iterator[Step]":
        """Give the steps of the peers in turn, until there are no more or one of the plans is stale.

        To be begun only when everything asked has its answer.
        """
        waiting = list(self.accounts.values())
        for account in waiting:
            account.make_plan()
        while waiting:
            for account in list(waiting):
                if any(each.is_stale for each in self.accounts.values()):
                    return
                step = account.next_step()
                if step is None:
                    waiting.remove(account)
                else:
                    yield step

    def settle(self, step: "Step", *, done: bool) -> None:
        """Enter the answer to a step; a peer that is no longer configured has no books."""
        account = self.accounts.get(step.peer)
        if account is not None:
            account.settle(step, done=done)

    def forget(self) -> None:
        """ExaBGP is gone, and with it all it was told."""
        for account in self.accounts.values():
            account.forget()
