"""The one door to the libraries that load models: what must be done before the first of them is imported.

Every folder whose modules import one calls it in its `__init__.py`: nothing is done for those who import no model.
"""

from tools.runtime import torchvision_hook
from tools.telemetry import opt_out


def prepare_model_libraries() -> None:
    """Opts out of their telemetry, and lets torchvision import, without which most of the others don't."""
    opt_out()
    torchvision_hook.install()
