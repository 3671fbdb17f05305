// Puts the page together.
import { byId } from "./dom.js";
import { pageData, recordInBag, recordOf } from "./record.js";
import { Timeline } from "./timeline.js";
import { run } from "./verification.js";
import { showAnswers, showEntry, showHead, showTables } from "./views.js";

const held = pageData(document);
let timeline = null;

function show(record) {
  const { summary } = record;
  if (summary) {
    showHead(summary);
    showAnswers(record.answers);
    showTables(summary);
  } else {
    byId("title").textContent = document.title = "A record of which entries are withheld";
  }
  timeline?.close();
  const personal = summary?.personal ?? {};
  timeline = new Timeline(record.entries, record.ledger, personal);
  timeline.onchoose = (entry, words) => showEntry(entry, words, record.answers, personal);
  for (const part of document.querySelectorAll("[data-needs=record]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-needs=summary]")) part.hidden = !summary;
  followLink();
}

function followLink() {
  const match = /^#entry-(\d+)$/.exec(location.hash);
  if (match) timeline?.goTo(Number(match[1]));
}

async function checkFolder() {
  const button = byId("verify");
  button.disabled = true;
  try {
    const bag = await run();
    if (bag && !held) show(await recordInBag(bag));
  } catch (error) {
    byId("outcome").append(` What is in it cannot be shown (${error.message}).`);
  } finally {
    button.disabled = false;
  }
}

if (held) show(recordOf(held));
globalThis.addEventListener("hashchange", followLink);
globalThis.addEventListener("beforeprint", () => timeline?.print());
document.addEventListener("click", (event) => {
  // The same link a second time changes no hash, and has to lead to its entry all the same.
  const link = event.target.closest("a[href^='#entry-']");
  if (link && link.getAttribute("href") === location.hash) followLink();
});
byId("folder").onchange = checkFolder;
byId("verify").onclick = checkFolder;
byId("keys-file").onchange = async (event) => {
  const [file] = event.target.files;
  if (file) byId("expected").value = await file.text();
};
