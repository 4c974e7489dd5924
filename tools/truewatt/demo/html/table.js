// Filters a table by the words typed: each must stand somewhere in a row. Without it all rows show.
for (const box of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.querySelectorAll(`#${box.dataset.filters} tbody tr`)];
  const count = document.getElementById(`${box.dataset.filters}-count`);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = `${shown} of ${rows.length}`;
  };
  box.closest(".filter").hidden = false;
  box.addEventListener("input", show);
  show();
}
