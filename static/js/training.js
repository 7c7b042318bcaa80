// A run while it is open: what the server says over the socket is put where the page already shows it.
// Without this script, "Reload" does the same.

const RETRY = 5_000;
const NOT_ALLOWED = 4403;
const UNKNOWN = 4404;

const root = document.getElementById("run");
const places = new Map([...root.querySelectorAll("[data-field]")].map((node) => [node.dataset.field, node]));
const drawn = root.querySelector("[data-chart]") !== null;

/** Only what changed is written: a screen reader hears a new phase, not every second. */
function write(name, value) {
  const node = places.get(name);
  const text = value === null || value === undefined ? "–" : String(value);
  if (node && node.textContent !== text) node.textContent = text;
}

function show(run) {
  write("phase", run.phase);
  for (const [name, value] of Object.entries(run.figures)) write(name, value);
  places.get("percent").value = run.percent;
  showLog(run.log);
  if (run.chart) showChart(run.chart);
}

/** The log stays at its end, unless somebody has scrolled up to read. */
function showLog(text) {
  const log = places.get("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  if (text) write("log", text);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showChart(chart) {
  if (!drawn) return location.reload(); // the first epoch has ended: the page draws the axes
  for (const line of root.querySelectorAll("[data-chart]")) {
    line.setAttribute("points", chart[line.dataset.chart]);
  }
}

function watch() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}${root.dataset.socket}`);
  socket.addEventListener("message", (event) => {
    const run = JSON.parse(event.data);
    show(run);
    if (!run.open || run.state !== root.querySelector("[data-state]").dataset.state) location.reload();
  });
  socket.addEventListener("close", (event) => {
    if (event.code !== NOT_ALLOWED && event.code !== UNKNOWN && event.code !== 1000) {
      setTimeout(watch, RETRY);
    }
  });
}

watch();
