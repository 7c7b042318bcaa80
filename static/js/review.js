// Labels by key: L live, P print, S screen, M mask, U unusable; Z takes the last label back. Without this script the
// buttons do the same.
// Single keys can be switched off, for people who speak or strike keys by accident (WCAG 2.1.4).

const SETTING = "livegate.review.keys";

const buttons = new Map(
  [...document.querySelectorAll("button[data-key]")].map((button) => [button.dataset.key, button]),
);
const shortcuts = document.getElementById("shortcuts");
let sent = false;

if (shortcuts) {
  shortcuts.closest("[hidden]").hidden = false;
  shortcuts.checked = keysAreOn();
  shortcuts.addEventListener("change", () => {
    localStorage.setItem(SETTING, shortcuts.checked ? "on" : "off");
  });
}

function keysAreOn() {
  return localStorage.getItem(SETTING) !== "off";
}

/** Keys meant for something else: a shortcut of the browser, a held-down key, a field to write in. */
function meantElsewhere(event) {
  const modified = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
  return modified || event.target.closest("input:not([type=checkbox], [type=range]), select, textarea");
}

document.addEventListener("keydown", (event) => {
  const button = buttons.get(event.key.toLowerCase());
  if (button && keysAreOn() && !meantElsewhere(event)) {
    event.preventDefault();
    button.click();
  }
});

// A second key while the answer is under way would label what nobody has seen yet.
document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});

window.addEventListener("pageshow", () => {
  sent = false;
});
