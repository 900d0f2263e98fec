"""Opt-outs from the telemetry of libraries, so that nothing leaves the machine unasked.

onnxruntime (from 1.29 on) writes a device id and a queue of events and looks up a host of its vendor; vLLM sends what
it was started with; huggingface_hub lets other libraries count their use through it. Each reads a variable of the
environment once, when it is imported, so the variables must be set before. What the user has set stays as it is.
"""

import os

OPT_OUTS = {"ORT_DISABLE_TELEMETRY": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""Environment variables of onnxruntime, vLLM and huggingface_hub with the values that switch reporting off."""


def opt_out() -> None:
    """Sets every opt-out that the user has not set, for this process and those that it starts."""
    for name, value in OPT_OUTS.items():
        os.environ.setdefault(name, value)
