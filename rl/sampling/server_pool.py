"""Several vLLM servers as one engine: a conversation stays with its server, whose prefix cache has its turns."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.policy import PolicyError
from rl.sampling.engine import EngineGoneError, Sampled, SamplingEngine, Sync

_log = logging.getLogger(__name__)


class ServerPool:
    """Shared engines that several threads and processes ask; one that is gone is left out from then on."""

    is_shared = True

    def __init__(self, servers: Sequence[SamplingEngine]) -> None:
        """Takes servers of the same model.

        Args:
            servers: the servers, at least one.
        """
        self._servers = list(servers)
        self._homes: dict[str, SamplingEngine] = {}
        """Server of each conversation that has not ended."""
        self._lock = threading.Lock()
        self.adapter = ""
        """Name of the adapter in use; empty for the model as it is."""

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion by the server of the conversation, or by another one if that is gone."""
        while True:
            server = self._find_home(conversation)
            try:
                return server.complete(prompt_ids, jpegs, sampling, conversation)
            except EngineGoneError as error:
                self._leave_out(server, error)

    def end(self, conversation: str) -> None:
        """Forgets where a conversation was, which has ended."""
        with self._lock:
            self._homes.pop(conversation, None)

    def load(self, name: str, adapter: Path) -> None:
        """Loads the LoRA adapter of a folder into every server."""
        self._tell_each(lambda server: server.load(name, adapter))

    def use(self, name: str) -> None:
        """Applies a loaded adapter to every request from now on."""
        self._tell_each(lambda server: server.use(name))
        self.adapter = name

    def forget(self, name: str) -> None:
        """Unloads the adapter of this name from every server."""
        self._tell_each(lambda server: server.forget(name))

    def weight_sync(self, rank: int) -> Sync:
        """Refuses: vLLM's transfer of all weights has one receiver.

        Raises:
            PolicyError: there are several servers.
        """
        if len(self._servers) == 1:
            return self._servers[0].weight_sync(rank)
        raise PolicyError("all weights are brought to one vLLM server only: name one url, or train an adapter ([lora])")

    def close(self) -> None:
        """Closes the connections."""
        for server in self._servers:
            server.close()

    def _find_home(self, conversation: str) -> SamplingEngine:
        """The server of a conversation; of a new one, that with the fewest conversations."""
        with self._lock:
            if conversation not in self._homes:
                busy = Counter(map(id, self._homes.values()))
                self._homes[conversation] = min(self._servers, key=lambda server: busy[id(server)])
            return self._homes[conversation]

    def _leave_out(self, gone: SamplingEngine, error: EngineGoneError) -> None:
        with self._lock:
            if gone not in self._servers:  # another thread was quicker
                return
            if len(self._servers) == 1:
                raise error
            self._servers.remove(gone)
            self._homes = {key: server for key, server in self._homes.items() if server is not gone}
        _log.warning("%s; its conversations go on at %d other servers", error, len(self._servers))

    def _tell_each(self, tell: Any) -> None:
        for server in list(self._servers):
            try:
                tell(server)
            except EngineGoneError as error:
                self._leave_out(server, error)
