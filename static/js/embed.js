// The capture page inside a frame: what happens to it is told to the page around it.

const EVENTS = {
  idle: "ready",
  capturing: "started",
  passed: "passed",
  failed: "refused",
  abstained: "abstained",
  error: "failed",
};

const root = document.getElementById("capture");

/** `event` with what a person reads, and what the frame is called in their language; never a score. */
function tell(event, words = "") {
  const { origin, capture } = root.dataset;
  if (!origin || window.parent === window) return;
  window.parent.postMessage({ source: "livegate", event, capture, words, title: document.title }, origin);
}

function watch() {
  const state = root.querySelector("[data-test=capture-state]");
  const hint = root.querySelector("[data-test=capture-hint]");
  const changed = () => {
    const event = EVENTS[state.dataset.state];
    if (event) tell(event, root.querySelector("#outcome-title").textContent);
  };
  // Nothing is posted from here: the other site's server redeems the capture.
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  new MutationObserver(changed).observe(state, { attributeFilter: ["data-state"] });
  const said = new MutationObserver(() => {
    if (state.dataset.state === "capturing" && hint.textContent) tell("hint", hint.textContent);
  });
  said.observe(hint, { childList: true, characterData: true, subtree: true });
  changed();
}

if (root.dataset.closed) tell("closed", root.dataset.closed);
else watch();
