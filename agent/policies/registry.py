"""The registry of policies: from a spec such as `lite` or `http:MODEL@URL` to a policy."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from agent.policies.scripted import ScriptedPolicy, extract_turns
from agent.policy import Policy, PolicyOptions
from agent.trajectory import load

_MODELS_OF = ((r"(chat)?gpt-|o\d", "openai"), ("gemini-", "gemini"))
"""Beginnings of hosted models' names, with the server that has them."""


def _open_lite(_: str, __: PolicyOptions) -> Policy:
    from agent.policies.lite import LitePolicy, load_packaged_similarity

    return LitePolicy(load_packaged_similarity())


def _open_scripted(path: str, _: PolicyOptions) -> Policy:
    if not path:
        raise ValueError("scripted needs a saved trajectory: --policy scripted:TRAJECTORY.json")
    return ScriptedPolicy(extract_turns(load(path)))


def _open_http(where: str, options: PolicyOptions) -> Policy:
    from agent.policies.http import HttpPolicy

    return HttpPolicy(where, options)


def _open_transformers(where: str, options: PolicyOptions) -> Policy:
    from agent.policies.transformers import TransformersPolicy

    return TransformersPolicy(where, options)


def _open_vllm(where: str, options: PolicyOptions) -> Policy:
    from agent.policies.vllm import VllmPolicy

    return VllmPolicy(where, options)


POLICIES: dict[str, Callable[[str, PolicyOptions], Policy]] = {
    "http": _open_http,
    "lite": _open_lite,
    "scripted": _open_scripted,
    "transformers": _open_transformers,
    "vllm": _open_vllm,
}


def open_policy(spec: str, options: PolicyOptions | None = None) -> Policy:
    """Opens the policy of a spec such as `lite`, `scripted:run.json` or `http:MODEL@URL`.

    Raises:
        ValueError: no such policy, or what follows its name can't be used; lists the known ones.
        PolicyError: the policy's model can't be had.
        MissingPartError: a package that the policy needs is not installed.
    """
    check_spec(spec)
    name, _, rest = spec.partition(":")
    options = options or PolicyOptions()
    if options.adapter and name in ("lite", "scripted"):
        raise ValueError(
            f"{name} has no model for an adapter: name one too, as in --policy transformers:smollm2 "
            f"--adapter {options.adapter}"
        )
    return POLICIES[name](rest, options)


def check_spec(spec: str) -> None:
    """Refuses a spec whose first word is no policy; what follows is not looked at.

    Raises:
        ValueError: no such policy; lists the known ones.
    """
    if spec.partition(":")[0] not in POLICIES:
        meant = _guess_spec(spec)
        raise ValueError(
            f"no policy {spec!r}: known are {', '.join(sorted(POLICIES))}"
            + (f"; did you mean {meant}?" if meant else "")
        )


def _guess_spec(spec: str) -> str | None:
    """A guess at the spec meant by the name of a model, a vendor or a file; None without one."""
    from agent.policies.openai_api.endpoint import SERVERS

    vendor, _, model = spec.replace("/", ":", 1).partition(":")
    if vendor.lower() in SERVERS and model:
        return f"http:{model}@{vendor.lower()}"
    for beginning, server in _MODELS_OF:
        if re.match(beginning, spec, re.I):
            return f"http:{spec}@{server}"
    if spec.endswith(".json"):
        return f"scripted:{spec}"
    if "@" in spec:
        return f"http:{spec}"
    return f"transformers:{spec}" if "/" in spec else next(iter(get_close_matches(spec, POLICIES, 1)), None)
