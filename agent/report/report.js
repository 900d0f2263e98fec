// The report reads whole without this. It adds an enlarged view of each frame, and opens folded text for printing.

/** Adds what a report can do, in a document or a part of one that holds its viewer and its frames. */
export function enliven(root) {
  const viewer = root.querySelector("#viewer");
  const glasses = [...root.querySelectorAll(".frame .glass:not(.missing)")];
  let at = 0;

  function show(index) {
    at = (index + glasses.length) % glasses.length;
    viewer.querySelector(".stage").replaceChildren(glasses[at].querySelector("svg").cloneNode(true));
    viewer.querySelector(".caption").textContent = glasses[at].closest("figure").querySelector("figcaption").innerText;
    if (!viewer.open) viewer.showModal();
  }

  glasses.forEach((glass, index) => {
    glass.setAttribute("role", "button");
    glass.setAttribute("tabindex", "0");
    glass.setAttribute("aria-label", "Enlarge: " + glass.querySelector("svg").getAttribute("aria-label"));
    glass.addEventListener("click", () => show(index));
    glass.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show(index);
    });
  });

  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.dataset.go) show(at + Number(button.dataset.go));
    else if (button || event.target === viewer) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  viewer.addEventListener("close", () => glasses[at].focus({ preventScroll: false }));

  root.querySelectorAll(".reel").forEach((reel) => {
    const video = reel.querySelector("video");
    video.addEventListener("error", () => reel.classList.add("lost"));
    reel.addEventListener("toggle", () => { if (reel.open) video.load(); else video.pause(); });
  });
}

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
