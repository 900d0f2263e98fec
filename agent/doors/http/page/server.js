// What the page asks of the server, and the sentences that it hears when something is refused.

const LOST = "The server can't be reached: it may have stopped, or the network is gone.";
const TYPES = [
  "RUN_FINISHED", "RUN_ERROR", "STEP_STARTED", "REASONING_MESSAGE_CONTENT", "TEXT_MESSAGE_CONTENT",
  "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_RESULT", "CUSTOM",
];
const AGAIN_MS = 3000;

/** A request that was not answered, with the reason in a sentence. */
export class Refused extends Error {
  constructor(message, status = 0, retrySeconds = 0) {
    super(message);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

function makeRefused(status, text, retryAfter) {
  if (status === 401) return new Refused("The server wants its token again: load the page anew to enter it.", status);
  let message = `The server answers with status ${status}.`;
  try {
    message = JSON.parse(text).error.message;
  } catch { /* a proxy's own words */ }
  return new Refused(message, status, Number(retryAfter) || 0);
}

/** Sends a request; `body` goes as JSON. */
export async function request(path, { body, signal, method = body ? "POST" : "GET" } = {}) {
  const headers = body ? { "content-type": "application/json" } : {};
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Refused(LOST);
  }
  if (response.ok) return response;
  throw makeRefused(response.status, await response.text(), response.headers.get("retry-after"));
}

/** Uploads a file and gives its record; fetch can't tell how far an upload is. */
export function upload(file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const sent = new XMLHttpRequest(), form = new FormData();
    form.append("file", file);
    sent.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    sent.addEventListener("load", () => {
      if (sent.status < 300) resolve(JSON.parse(sent.responseText));
      else reject(makeRefused(sent.status, sent.responseText, sent.getResponseHeader("retry-after")));
    });
    sent.addEventListener("error", () => reject(new Refused(LOST)));
    sent.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => sent.abort());
    sent.open("POST", "/v1/files");
    sent.send(form);
  });
}

/** Follows the events of a job, over lost connections too; gives a function that stops it. */
export function follow(job, { onEvent, onLost, onBack, onRefused }) {
  let source, timer, last = 0, isLost = false;

  function read(message) {
    const number = Number(message.lastEventId);
    if (number <= last) return;
    last = number;
    const event = JSON.parse(message.data);
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") stop();
    onEvent(event);
  }

  async function takeUp() {
    if (source.readyState !== EventSource.CLOSED) return;  // the browser takes it up by itself
    try {
      await request(`/v1/jobs/${job}`);
    } catch (error) {
      if (error.status === 401 || error.status === 404) {
        onRefused(error);
        return;
      }
    }
    timer = setTimeout(open, AGAIN_MS);
  }

  function open() {
    source = new EventSource(`/v1/jobs/${job}/events`);
    TYPES.forEach((type) => source.addEventListener(type, read));
    source.addEventListener("open", () => {
      if (isLost) onBack();
      isLost = false;
    });
    source.addEventListener("error", () => {
      isLost = true;
      onLost();
      takeUp();
    });
  }

  function stop() {
    clearTimeout(timer);
    source.close();
  }

  open();
  return stop;
}
