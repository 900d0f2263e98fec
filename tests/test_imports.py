"""What importing does: nothing for the four packages; for a folder that imports a model library, what that needs."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.test_layout import MODULES, ROOT

LIBRARIES = set("accelerate datasets faster_whisper huggingface_hub onnxruntime open_clip peft torchvision".split())
LIBRARIES |= {"transformers", "trl", "vllm"}
"""Those that report their use, or that import torchvision."""
_NOTHING_IS_DONE = """
import os, sys
finders, environment = list(sys.meta_path), dict(os.environ)
import agent, tools, evals, rl
assert sys.meta_path == finders
assert dict(os.environ) == environment
print([name for name in ("torch", "numpy", "cv2", "pydantic") if name in sys.modules])
"""
_DOOR = "prepare_model_libraries()"


def test_importing_the_four_packages_does_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _NOTHING_IS_DONE], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_folder_that_imports_a_model_library_has_the_door_before_it() -> None:
    users = [path for path in MODULES.values() if LIBRARIES & named(path)]
    assert len(users) > 10
    for path in users:
        folders = [path.parent, *path.parent.parents]
        inside = folders[: folders.index(ROOT) - 1]  # the packages themselves do nothing
        doors = [folder / "__init__.py" for folder in inside]
        assert any(_DOOR in door.read_text(encoding="utf-8") for door in doors), path


def named(path: Path) -> set[str]:
    """The top-level packages that a module imports, by a statement or by name."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {arg.value.partition(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return found
