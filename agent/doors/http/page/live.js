// A run while it happens, in the parts that the report has: turns, calls, frames with boxes, what was seen when.

const HEAD_LINES = 14;
const MOST_BOXES = 24;
const SAME_TIME_SECONDS = 0.02;
const SVG = "http://www.w3.org/2000/svg";

/** Makes an element; a string among its children is text. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A time as the report writes it. */
export function formatTime(seconds) {
  const tenths = Math.round(seconds * 10), isLong = tenths >= 36000;
  const whole = isLong ? Math.round(seconds) : Math.floor(tenths / 10);
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60].map((number) => String(number).padStart(2, "0"));
  return isLong ? `${Math.floor(whole / 3600)}:${minutes}:${rest}` : `${minutes}:${rest}.${tenths % 10}`;
}

/** Shows the events of one job. */
export class Live {
  /**
   * @param {string} job id of the job
   * @param {{turns: Element, seen: Element, lines: Element, addHead: (tracks: Element) => void,
   *   seek: (seconds: number, canvas: Element?, video: number) => void}} places
   */
  constructor(job, places) {
    this.job = job;
    this.places = places;
    this.begin();
  }

  /** Starts anew, as a question does whose process died. */
  begin() {
    this.calls = new Map();
    this.heard = new Map();
    this.videos = [];
    this.places.turns.replaceChildren();
    this.places.lines.replaceChildren();
    this.places.seen.replaceChildren();
  }

  addVideo({ duration_seconds: seconds }) {
    const number = this.videos.length + 1, field = draw("svg", { class: "field", "aria-hidden": "true" });
    this.videos.push({ seconds, field });
    const row = make("div", { class: "row lane" }, make("span", { class: "label" }, "Seen"), field);
    const tracks = make("div", { class: `tracks of-${number}`, "data-seconds": seconds }, row);
    this.places.seen.append(tracks);
    this.places.addHead(tracks);
    if (number > 1) {
      this.places.seen.querySelectorAll(".label").forEach((label, index) => {
        label.textContent = `Video ${index + 1}`;
      });
    }
  }

  /** Shows an event; gives what to say of it, if anything. */
  read(event) {
    switch (event.type) {
      case "STEP_STARTED":
        this.addTurn(event.stepName);
        return `${event.stepName}: thinking`;
      case "REASONING_MESSAGE_CONTENT":
        this.body.append(make("blockquote", { class: "fence said thought" }, make("p", {}, event.delta)));
        return "";
      case "TOOL_CALL_START":
        this.addCall(event);
        return `${event.toolCallName} is at work`;
      case "TOOL_CALL_ARGS":
        this.addArguments(event);
        return "";
      case "TOOL_CALL_RESULT":
        this.addResult(event);
        return "";
      case "CUSTOM":
        return this.readOwn(event.name, event.value);
    }
    return "";
  }

  readOwn(name, value) {
    switch (name) {
      case "video":
        this.addVideo(value);
        return "The video is open.";
      case "other_videos":
        value.forEach((facts) => this.addVideo(facts));
        return "The videos are open.";
      case "video_prepared":
        return `Preparing the video: ${value.stage} ${Math.round(100 * value.share)} %`;
      case "observation":
        this.addObservation(value);
        return `${value.tool} gave ${value.observation.frames.length} frames`;
      case "malformed":
        this.body.append(make("p", { class: "errorline" }, "Could not be used: ", make("span", { class: "said" }, value)));
        return "";
      case "notice_given":
        this.body.append(
          make("p", { class: "notice" }, make("b", {}, "Told next: "), make("span", { class: "said" }, value.text)),
        );
        return "";
      case "answer_proposed":
        return "There is an answer; it is checked.";
      case "restarted":
        this.begin();
        return "The process that read the video died; the question is asked once more.";
    }
    return "";
  }

  addTurn(name) {
    const [word, ...rest] = name;
    this.body = make("div", { class: "body" });
    const gutter = make("div", { class: "gutter" }, make("h3", {}, word.toUpperCase() + rest.join("")));
    this.places.turns.append(make("li", { class: "turn" }, gutter, this.body));
  }

  addCall({ toolCallId, toolCallName }) {
    if (!this.places.turns.children.length) this.addTurn("first look");
    const code = make("code", {}, make("span", { class: "name" }, toolCallName));
    const took = make("span", { class: "soft took" }, "…");
    const article = make("article", { class: "call" }, make("h4", {}, code, took));
    this.body.append(article);
    this.calls.set(toolCallId, { article, code, took });
  }

  addArguments({ toolCallId, delta }) {
    const { code } = this.calls.get(toolCallId);
    Object.entries(JSON.parse(delta)).forEach(([name, value], index) => {
      code.append(index ? ", " : "(", make("span", { class: "arg" }, `${name}=`), JSON.stringify(value));
    });
    code.append(code.childElementCount > 1 ? ")" : "()");
  }

  addResult({ toolCallId, content }) {
    if (!content) return;
    const lines = content.split("\n"), fence = make("div", { class: "fence" });
    const isLong = lines.length > HEAD_LINES + 2, rest = lines.slice(HEAD_LINES);
    fence.append(make("pre", { class: "said" }, isLong ? lines.slice(0, HEAD_LINES).join("\n") : content));
    if (isLong) {
      const folded = make("pre", { class: "said" }, rest.join("\n"));
      fence.append(make("details", {}, make("summary", {}, `${rest.length} more lines`), folded));
    }
    this.calls.get(toolCallId).article.append(fence);
  }

  addObservation({ call_id: id, observation, seconds, is_repeat: isRepeat }) {
    const { article, took } = this.calls.get(id);
    took.textContent = isRepeat ? "the same as before" : `${seconds.toFixed(2)} s`;
    if (observation.is_error) article.querySelector(".fence")?.classList.add("error");
    this.addHeard(observation.findings, observation.video ?? 1);
    if (isRepeat || !observation.frames.length) return;
    const frames = observation.frames.map((ref, index) => this.makeFrame(id, ref, index, observation.findings));
    article.append(make("div", { class: "frames" }, ...frames));
    for (const { seconds: at, video } of observation.frames) {
      const { seconds: length, field } = this.videos[(video ?? 1) - 1];
      const x = `${(100 * at) / (length || 1)}%`;
      field.append(draw("line", { class: "mark", x1: x, x2: x, y1: 5, y2: 21 }));
    }
  }

  makeFrame(id, ref, index, findings) {
    const { width, height, seconds, video } = ref;
    const address = `/v1/jobs/${this.job}/frame?call_id=${encodeURIComponent(id)}&index=${index}`;
    const time = `${video ? `video ${video}, ` : ""}${formatTime(seconds)}`, label = `Frame at ${time}`;
    const canvas = draw("svg", { class: "canvas", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    canvas.append(draw("image", { href: address, width, height }));
    const isWhole = ref.box.join() === "0,0,1,1";
    const boxed = findings.filter((f) => isWhole && f.box && Math.abs(f.start_seconds - seconds) <= SAME_TIME_SECONDS);
    for (const { box: [left, top, right, bottom], kind, text } of boxed.slice(0, MOST_BOXES)) {
      const place = {
        x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height,
      };
      const title = draw("title", {}, text ? `${kind}: ${text}` : kind);
      const [halo, edge] = ["halo", "edge"].map((part) => draw("rect", { class: part, ...place }));
      canvas.append(draw("g", { class: "box other" }, title, halo, edge));
    }
    const portrait = height > width ? " portrait" : "";
    const jump = make("button", { type: "button", class: "jump" }, time);
    jump.addEventListener("click", () => this.places.seek(seconds, null, video ?? 1));
    const glass = make("div", { class: "glass" }, canvas);
    return make("figure", { class: `frame${portrait}` }, glass, make("figcaption", {}, jump));
  }

  addHeard(findings, video) {
    for (const finding of findings) {
      if (finding.kind !== "speech" || !finding.text) continue;
      this.heard.set(`${video} ${finding.start_seconds} ${finding.text}`, { ...finding, video });
    }
    const lines = [...this.heard.values()].sort((a, b) => a.video - b.video || a.start_seconds - b.start_seconds);
    this.places.lines.replaceChildren(...lines.map(({ video: of, start_seconds: start, stop_seconds: stop, text }) => {
      const said = this.videos.length > 1 ? `${of}, ${formatTime(start)}` : formatTime(start);
      const time = make("span", { class: "num" }, said);
      const button = make("button", { type: "button" }, time, make("span", { class: "said" }, text));
      button.addEventListener("click", () => this.places.seek(start, null, of));
      return make("li", { "data-video": of, "data-start": start, "data-stop": stop }, button);
    }));
  }
}
