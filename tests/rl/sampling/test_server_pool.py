"""Several servers as one: conversations stay where they are, are shared evenly, and outlive a server that is gone."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.policy import PolicyError
from rl.sampling.engine import EngineGoneError, Sampled, Sync
from rl.sampling.server_pool import ServerPool


class Server:
    """Notes whose turns it is asked for, and what it is told."""

    is_shared = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[str] = []
        self.told: list[str] = []
        self.trouble: PolicyError | None = None

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        self._check()
        self.asked.append(conversation)
        return Sampled(tuple(prompt_ids), (1,), (-0.5,), False)

    def end(self, conversation: str) -> None:
        raise AssertionError("the pool keeps who is where")

    def load(self, name: str, adapter: Path) -> None:
        self._tell(f"load {name} from {adapter}")

    def use(self, name: str) -> None:
        self._tell(f"use {name}")

    def forget(self, name: str) -> None:
        self._tell(f"forget {name}")

    def weight_sync(self, rank: int) -> Sync:
        return lambda model, step: self._tell(f"sync {rank}")

    def close(self) -> None:
        self._tell("close")

    def _tell(self, said: str) -> None:
        self._check()
        self.told.append(said)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


def ask(pool: ServerPool, *conversations: str) -> None:
    for conversation in conversations:
        pool.complete([7], (), {}, conversation)


def test_each_conversation_stays_with_its_server_and_new_ones_go_where_there_are_fewest() -> None:
    servers = [Server("a"), Server("b"), Server("c")]
    pool = ServerPool(servers)
    ask(pool, *"uvwxyz", *"zyxwvu")
    assert [sorted(set(server.asked)) for server in servers] == [["u", "x"], ["v", "y"], ["w", "z"]]
    for over in "vy":
        pool.end(over)
    ask(pool, "new", "newer", *"uxwz")
    assert servers[1].asked[-2:] == ["new", "newer"]
    assert {*servers[0].asked} == {"u", "x"}


def test_conversations_of_a_server_that_is_gone_go_on_at_the_others(caplog: pytest.LogCaptureFixture) -> None:
    servers = [Server("a"), Server("b"), Server("c")]
    pool = ServerPool(servers)
    ask(pool, *"uvwxyz")
    servers[0].trouble = EngineGoneError("the server a: can't be reached")
    with caplog.at_level(logging.WARNING):
        ask(pool, *"uvwxyz", *"uvwxyz")
    assert caplog.messages == ["the server a: can't be reached; its conversations go on at 2 other servers"]
    assert sorted(servers[1].asked + servers[2].asked) == sorted([*"vwyz", *"uvwxyz", *"uvwxyz"])
    assert len(set(servers[1].asked) & set(servers[2].asked)) == 0, "each stays where it went"
    pool.use("adapter-2")
    assert [server.told for server in servers] == [[], ["use adapter-2"], ["use adapter-2"]]


def test_a_refusal_is_no_end_of_a_server_and_the_last_server_ends_the_training() -> None:
    servers = [Server("a"), Server("b")]
    pool = ServerPool(servers)
    servers[0].trouble = PolicyError("400: too long")
    with pytest.raises(PolicyError, match="400: too long"):
        ask(pool, "u")
    servers[0].trouble, servers[1].trouble = EngineGoneError("gone: a"), EngineGoneError("gone: b")
    with pytest.raises(EngineGoneError, match="gone"):
        ask(pool, "u", "v")


def test_weights_come_to_all_servers_as_adapters_and_to_one_alone_whole() -> None:
    servers = [Server("a"), Server("b")]
    pool = ServerPool(servers)
    pool.load("n", Path("x"))
    pool.use("n")
    pool.forget("n")
    assert servers[0].told == servers[1].told == ["load n from x", "use n", "forget n"]
    with pytest.raises(PolicyError, match="one vLLM server only"):
        pool.weight_sync(0)
    ServerPool(servers[:1]).weight_sync(3)(None, 0)
    assert servers[0].told[-1] == "sync 3"
