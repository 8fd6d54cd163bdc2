// What the page's own clock says: a script that runs in the page before all else, and leaves `window.bench`.
//
// A picture counts as painted when a frame with it has reached the screen. The Element Timing API tells
// when a frame did: `renderTime` is its presentation, after the compositor has drawn all of it; the browser
// rounds it to 4 ms. (Two animation frames end earlier: then the page's own thread is done, and the picture
// may still have to be scaled to the screen.) The script sees that the page changes the picture or the name
// of its file, and, before a frame is made of that, puts a dot into a corner: the frame with the dot is the
// one with the picture. That holds whether the picture is an <img> or a <canvas>.

export function watch() {
  const bench = (window.bench = { entered: 0, pictures: [], frames: [], begun: 0 });
  let marks = 0;

  const note = (event) => {
    bench.begun = event.timeStamp;
    if (event.key === "Enter") bench.entered = event.timeStamp;
  };
  for (const sign of ["keydown", "pointerup"]) addEventListener(sign, note, true);

  // Milliseconds from the press of Enter, or, without one, from the navigation. `painted` is there when no
  // mark is pending: the last one counts.
  function mark() {
    let picture = bench.pictures.at(-1);
    if (picture?.since !== bench.entered) {
      picture = { since: bench.entered, pending: 0 };
      bench.pictures.push(picture);
    }
    const passed = () => performance.now() - picture.since;
    picture.inDocument = passed();
    picture.pending += 1;
    requestAnimationFrame(() => requestAnimationFrame(() => (picture.twoFrames = passed())));
    const dot = document.createElement("div");
    const style = { position: "fixed", right: "2px", bottom: "2px", color: "grey", font: "8px sans-serif" };
    Object.assign(dot.style, style);
    dot.textContent = ".";
    dot.setAttribute("elementtiming", `mark ${++marks}`);
    document.body.append(dot);
    waiting.set(`mark ${marks}`, { picture, dot });
  }
  const waiting = new Map(); // by the mark's name

  const SIGNS = ".file, img, canvas";
  const isSign = (node) => node instanceof Element && (node.matches(SIGNS) || node.querySelector(SIGNS));
  const isIn = (node) => (node instanceof Element ? node : node.parentElement)?.closest(".file");
  const shows = ({ target, addedNodes }) => isIn(target) || [...addedNodes].some(isSign);
  const observer = new MutationObserver((changes) => {
    if (changes.some(shows)) mark();
  });
  observer.observe(document, { childList: true, subtree: true, characterData: true });
  new PerformanceObserver((list) => {
    for (const { identifier, renderTime } of list.getEntries()) {
      const { picture, dot } = waiting.get(identifier) ?? {};
      if (!picture) continue;
      waiting.delete(identifier);
      dot.remove();
      picture.pending -= 1;
      picture.painted = renderTime - picture.since;
    }
  }).observe({ type: "element", buffered: true });

  // Times between the animation frames from here to `stop`.
  bench.start = () => {
    bench.frames = [];
    let before = 0;
    const step = () => {
      const now = performance.now();
      if (before > 0) bench.frames.push(now - before);
      before = now;
      bench.asked = requestAnimationFrame(step);
    };
    bench.asked = requestAnimationFrame(step);
  };
  bench.stop = () => {
    cancelAnimationFrame(bench.asked);
    return bench.frames;
  };

  // How long the last key or release of the mouse took until its frame was made, in milliseconds.
  bench.response = () =>
    new Promise((resolve) => {
      const { begun } = bench;
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun)));
    });
}

// In the page: the times of the last picture, once it's painted.
export const lastPicture = () => {
  const last = window.bench.pictures.at(-1);
  return last?.pending === 0 ? last : null;
};
