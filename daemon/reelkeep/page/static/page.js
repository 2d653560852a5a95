"use strict";
// Live numbers, live log lines, and the keys of the player. Every page works without this.
(() => {
  const base = document.body.dataset.base;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];

  function size(value) {
    if (value === null || value === undefined) return "?";
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
    return unit ? `${value.toFixed(1)} ${units[unit]}` : `${Math.round(value)} B`;
  }

  function count(value) {
    return value.toLocaleString("en-US");
  }

  function cell(content, number) {
    const made = document.createElement("td");
    if (number) made.className = "number";
    made.append(content);
    return made;
  }

  function transferRow(each) {
    const row = document.createElement("tr");
    const bar = document.createElement("progress");
    bar.max = each.total || 0;
    if (each.total) bar.value = each.done;
    bar.setAttribute("aria-label", `Progress of ${each.file}`);
    const done = each.total ? `${size(each.done)} of ${size(each.total)}` : size(each.done);
    row.append(cell(each.recording), cell(each.file), cell(bar), cell(done, true),
      cell(`${size(each.rate)}/s`, true));
    return row;
  }

  function showOverview(news) {
    const rows = news.transfers.map(transferRow);
    if (!rows.length) {
      const none = cell("None.");
      none.colSpan = 5;
      const row = document.createElement("tr");
      row.append(none);
      rows.push(row);
    }
    document.querySelector("#transfers tbody").replaceChildren(...rows);
    document.querySelector("#free").textContent = size(news.free_bytes);
    for (const line of news.providers) {
      const row = [...document.querySelectorAll("[data-provider]")]
        .find((each) => each.dataset.provider === line.name);
      if (!row) continue;
      for (const place of row.querySelectorAll("[data-count]")) {
        const key = place.dataset.count;
        place.textContent = key === "stored_bytes" ? size(line[key]) : count(line[key]);
      }
    }
  }

  function logLine(line) {
    const row = document.createElement("li");
    row.className = line.level;
    const time = document.createElement("time");
    time.textContent = line.time;
    const level = document.createElement("span");
    level.className = "level";
    level.textContent = line.level;
    const name = document.createElement("strong");
    name.textContent = line.event;
    const rest = document.createElement("span");
    rest.textContent = line.rest;
    row.append(time, " ", level, " ", name, " ", rest);
    return row;
  }

  const overview = document.querySelector("#transfers");
  const log = document.querySelector("#log");
  if (overview || log) {
    const asked = new URLSearchParams();
    if (log) for (const key of ["level", "provider", "recording", "last"]) asked.set(key, log.dataset[key]);
    const source = new EventSource(`${base}events?${asked}`);
    if (overview) source.addEventListener("overview", (event) => showOverview(JSON.parse(event.data)));
    if (log) source.addEventListener("log", (event) => {
      log.prepend(logLine(JSON.parse(event.data)));
      while (log.children.length > 500) log.lastElementChild.remove();
    });
  }

  const player = document.querySelector("#player");
  if (player) {
    const lines = [...document.querySelectorAll(".line")];
    for (const line of lines) {
      line.addEventListener("click", () => {
        player.currentTime = Number(line.dataset.second);
        player.play().catch(() => {});
      });
    }
    player.addEventListener("timeupdate", () => {
      let now = null;
      for (const line of lines) {
        if (Number(line.dataset.second) > player.currentTime) break;
        now = line;
      }
      for (const line of lines) line.classList.toggle("now", line === now);
    });
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select, button, video, audio, a") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " ") {
        event.preventDefault();
        if (player.paused) player.play().catch(() => {}); else player.pause();
      } else if (event.key === "ArrowLeft") player.currentTime -= 10;
      else if (event.key === "ArrowRight") player.currentTime += 10;
    });
  }
})();
