"""`agent mcp`: the agent for assistants that speak the Model Context Protocol."""

import argparse
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent.cli.run_options import CAPTIONER, ENCODER
from tools.observation import MissingPartError

if TYPE_CHECKING:
    from agent.cli import Commands

_TOKEN = "VIDEOSLEUTH_MCP_TOKEN"
_ADDRESS = re.compile(r"(?:(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):)?(?P<port>[0-9]{1,5})")


def add(commands: "Commands") -> None:
    """Adds the command `mcp` to the parser."""
    mcp = commands.add_parser(
        "mcp",
        help="serve an assistant by the Model Context Protocol",
        description="Serves the process that starts it over stdin and stdout; with --http, whoever connects. "
        f"An address that others can reach needs a token in {_TOKEN}.",
    )
    mcp.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder with videos that may be named, with all below it; give it once or more; by default the folder "
        "one stands in",
    )
    mcp.add_argument("--http", metavar="[HOST:]PORT", help="serve http://HOST:PORT/mcp; HOST is 127.0.0.1 if left out")
    mcp.add_argument("--policy", default=None, metavar="SPEC", help="who answers in ask_video, as for `agent ask`")
    mcp.add_argument("--captioner", default=None, metavar="SPEC", help=CAPTIONER)
    mcp.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    mcp.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if find_spec("mcp") is None:
        from tools.packaged_weights import make_install_command

        raise MissingPartError(f"this needs the SDK of the protocol: {make_install_command('mcp')}")
    address = None if options.http is None else _read_address(options.http)
    from agent import Sleuth
    from agent.doors.allowed_folders import AllowedFolders
    from agent.doors.mcp.server import VideoServer
    from agent.doors.mcp.serving import serve_http, serve_stdio

    allowed = AllowedFolders(options.allow or ["."])
    with (
        Sleuth(
            options.policy, encoder=options.encoder, captioner=options.captioner, use_configured_tools=True
        ) as sleuth,
        VideoServer(sleuth, allowed) as served,
    ):
        if address is None:
            serve_stdio(served.server)
        else:
            serve_http(served.server, *address, os.environ.get(_TOKEN, ""))
    return 0


def _read_address(given: str) -> tuple[str, int]:
    read = _ADDRESS.fullmatch(given)
    if read is None or not 0 < int(read["port"]) < 2**16:
        raise ValueError(f"need [HOST:]PORT with a port from 1 to 65535, got {given!r:.80}")
    return (read["host"] or "127.0.0.1").strip("[]"), int(read["port"])
