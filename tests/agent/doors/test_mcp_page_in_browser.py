"""The page of MCP Apps in a real browser, inside a host that says little: `make test-browser`."""

import json
from importlib.resources import files
from pathlib import Path

from agent.report.html import render
from tests.agent.test_report_in_browser import picture, played
from tests.browser import driven, needs_browser

pytestmark = needs_browser

HOST = """<!doctype html><html lang="en"><title>Host</title><body style="margin:0">
<iframe id="app" title="App" style="width:100%%;border:0;height:100px"%s></iframe><script>
const app = document.getElementById("app"), asked = [], report = %s;
addEventListener("message", ({source, data}) => {
  if (source !== app.contentWindow) return;
  asked.push(data.method);
  const answer = (result) => source.postMessage({jsonrpc: "2.0", id: data.id, result}, "*");
  if (data.method === "ui/initialize") answer({protocolVersion: "2026-01-26", hostInfo: {}, hostCapabilities: {}});
  if (data.method === "ui/notifications/initialized") source.postMessage({jsonrpc: "2.0",
    method: "ui/notifications/tool-result", params: {content: [{type: "text", text: "four <b>at 00:02</b>"}],
    structuredContent: {report: "videosleuth://reports/1"}}}, "*");
  if (data.method === "resources/read" && report === null)
    source.postMessage({jsonrpc: "2.0", id: data.id, error: {code: -32601, message: "no resources here"}}, "*");
  else if (data.method === "resources/read") answer({contents: [{uri: data.params.uri, text: report}]});
  if (data.method === "ui/notifications/size-changed") app.style.height = data.params.height + "px";
});
app.srcdoc = %s;
</script>"""


def write_host(folder: Path, report: str | None, attributes: str = "") -> str:
    page = files("agent.doors.mcp").joinpath("answer_page.html").read_text(encoding="utf-8")
    texts = [json.dumps(text).replace("</", "<\\/") for text in (report, page)]
    (folder / "host.html").write_text(HOST % (attributes, *texts), encoding="utf-8")
    return (folder / "host.html").as_uri()


def test_the_app_becomes_the_report_as_high_as_it_is(tmp_path: Path) -> None:
    with driven(tmp_path / "profile") as tab:
        for width in (390, 1440):
            tab.open(write_host(tmp_path, render(played(), picture)), width)
            tab.wait("app.contentDocument.querySelector('#evidence .glass[role=button]')")
            tab.wait("asked.includes('ui/notifications/size-changed') && app.offsetHeight > 1000")
            root = "app.contentDocument.documentElement"
            tab.wait(f"Math.abs({root}.scrollHeight - app.offsetHeight) < 2")
            assert tab.run(f"{root}.scrollWidth - {root}.clientWidth") == 0
            before = tab.run("app.offsetHeight")
            tab.run("app.contentDocument.querySelectorAll('details').forEach((each) => { each.open = true; })")
            tab.wait(f"app.offsetHeight > {before}")
            assert tab.run("'hacked' in app.contentWindow") is False
        assert tab.logged == []


def test_in_a_sandbox_the_app_tells_its_size_too(tmp_path: Path) -> None:
    with driven(tmp_path / "profile") as tab:
        tab.open(write_host(tmp_path, render(played(), picture), ' sandbox="allow-scripts"'), 768)
        tab.wait("app.offsetHeight > 1000")
        assert tab.logged == []


def test_a_host_without_resources_has_the_words(tmp_path: Path) -> None:
    with driven(tmp_path / "profile") as tab:
        tab.open(write_host(tmp_path, None), 768)
        tab.wait("app.contentDocument.body?.innerText.includes('four <b>at 00:02</b>')")
        tab.wait("asked.includes('ui/notifications/size-changed')")
