// Draws a structure with 3Dmol.js: viewer, legend and sequence strip, which point at one another.
// `data` comes from structures/scene.py. User text reaches the page through textContent only.

const LIBRARY = ['app/static/3Dmol-min.js', '../app/static/3Dmol-min.js'];
const SS = { h: 'h', s: 's' };
const MAX_SURFACE_ATOMS = 12000;
const MAX_LABELS = 40;
const MAIN_CHAIN = new Set(['N', 'C', 'O', 'OXT']); // the alpha carbon belongs to both
const MAX_STRIP = 4000;

function loadScript(path) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = new URL(path, document.baseURI).href;
    script.onload = () => (window.$3Dmol ? resolve(window.$3Dmol) : reject(new Error(path)));
    script.onerror = () => reject(new Error(path));
    document.head.appendChild(script);
  });
}

// One load for all viewers of the browser tab; after a failure the next rerun tries again.
function library() {
  if (window.$3Dmol) return Promise.resolve(window.$3Dmol);
  window.__biotlLibrary ??= loadScript(LIBRARY[0])
    .catch(() => loadScript(LIBRARY[1]))
    .catch((error) => {
      window.__biotlLibrary = undefined;
      throw error;
    });
  return window.__biotlLibrary;
}

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

function hexOf(cssColour) {
  const [r, g, b] = cssColour.match(/[\d.]+/g).map(Number);
  return '#' + [r, g, b].map((c) => Math.round(c).toString(16).padStart(2, '0')).join('');
}

function inkOn(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#111111' : '#ffffff';
}

class StructureView {
  constructor($3Dmol, root) {
    this.lib = $3Dmol;
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.stage = this.find('.stage');
    this.viewer = $3Dmol.createViewer(this.find('.canvas'), { backgroundColor: this.ground(), antialias: true });
    this.viewer.setHoverDuration(60);
    this.find('.ground').addEventListener('transitionend', () => this.viewer.setBackgroundColor(this.ground()));
    this.find('.bar').addEventListener('click', (event) => this.press(event.target.dataset.do, event.target));
    this.connectStrip();
    this.connectWheel();
  }

  ground() {
    const chosen = { white: '#ffffff', black: '#000000' }[this.data?.background];
    return chosen ?? hexOf(getComputedStyle(this.find('.ground')).backgroundColor);
  }

  // The wheel zooms once the viewer was clicked; before, it scrolls the page past the viewer.
  connectWheel() {
    let isActive = false;
    this.stage.addEventListener('pointerdown', () => (isActive = true));
    this.stage.addEventListener('pointerleave', () => (isActive = false));
    this.stage.addEventListener('wheel', (event) => isActive || event.stopPropagation(), { capture: true });
  }

  update(data) {
    const before = this.data;
    this.data = data;
    this.stage.style.setProperty('--stage-height', `${data.height}px`);
    this.find('.canvas').setAttribute('aria-label', `3D view of ${data.name}`);
    if (before?.text !== data.text) this.readModel();
    if (before?.background !== data.background) this.viewer.setBackgroundColor(this.ground());
    const look = JSON.stringify([
      data.style, data.chain, data.ligands, data.colours, data.traced, data.side_chains, data.labels, data.background,
    ]);
    if (this.look !== look || before?.text !== data.text) {
      this.applyStyle();
      this.drawLabels();
      this.drawLegend();
      this.drawStrip();
      if (before?.text !== data.text || before?.chain !== data.chain) this.zoomHome();
      this.look = look;
    }
    this.select(data.selected);
    this.drawPartner(data.partner ?? null);
    this.joinLink(data.link ?? null);
  }

  // A second residue of a chosen pair, and the line between both.
  drawPartner(row) {
    (this.partnerShapes ?? []).forEach((shape) => this.viewer.removeShape(shape));
    this.partnerShapes = [];
    const [one, other] = [this.anchors[this.selected], this.anchors[row]];
    if (other && this.isShown(other)) {
      this.partnerShapes.push(this.ball(other, 0.35));
      if (one && this.isShown(one)) {
        const color = hexOf(getComputedStyle(this.find('.legend')).color);
        this.partnerShapes.push(this.viewer.addLine({ start: one, end: other, dashed: true, linewidth: 3, color }));
      }
    }
    this.viewer.render();
  }

  // Viewers of one link turn together: whoever is moved by hand tells the others.
  joinLink(name) {
    if (this.link === name) return;
    this.leaveLink();
    this.link = name;
    if (name === null) return;
    const group = ((window.__biotlLinks ??= {})[name] ??= new Set());
    group.add(this);
    this.viewer.setViewChangeCallback((view) => {
      if (this.isFollowing) return;
      group.forEach((other) => other !== this && other.follow(view));
    });
    const first = [...group].find((other) => other !== this && other.root.isConnected);
    if (first) this.follow(first.viewer.getView());
  }

  follow(view) {
    this.isFollowing = true;
    this.viewer.setView(view, true);
    this.viewer.render();
    this.isFollowing = false;
  }

  leaveLink() {
    if (this.link) window.__biotlLinks?.[this.link]?.delete(this);
  }

  readModel() {
    const { viewer, data } = this;
    viewer.removeAllModels();
    viewer.removeAllSurfaces();
    viewer.removeAllShapes();
    this.marker = this.pointer = null;
    this.partnerShapes = [];
    this.selected = null;
    const model = viewer.addModel(data.text, data.format, { noSecondaryStructure: true });
    const atoms = model.selectedAtoms({});
    let next = 0;
    this.anchors = [];
    data.atom_counts.forEach((count, row) => {
      for (let k = 0; k < count; k++, next++) {
        const atom = atoms[next];
        atom.row = row;
        atom.ss = SS[data.shapes[row]] ?? 'c';
        if (k === 0 || atom.atom === 'CA' || atom.atom === 'P') this.anchors[row] = atom;
      }
    });
    for (; next < atoms.length; next++) atoms[next].row = -1;
    viewer.setClickable({}, true, (atom) => this.pick(atom));
    viewer.setHoverable({}, true, (atom) => this.point(atom), () => this.point(null));
  }

  isShown(atom) {
    return this.data.chain === null || atom.chain === this.data.chain;
  }

  // What lies outside the chosen chain is not drawn. Cartoons need a backbone; chains without one get a trace.
  applyStyle() {
    const { viewer, data } = this;
    const paint = (atom) => data.colours[atom.row] ?? '#9AA5A2';
    const carbons = (atom) =>
      atom.elem === 'C' ? paint(atom) : this.lib.elementColors.defaultColors[atom.elem] ?? paint(atom);
    const styles = {
      cartoon: { cartoon: { colorfunc: paint, arrows: true, thickness: 0.35 } },
      stick: { stick: { radius: 0.17, colorfunc: carbons } },
      sphere: { sphere: { colorfunc: paint } },
      line: { line: { linewidth: 2, colorfunc: carbons } },
      surface: { cartoon: { colorfunc: paint, arrows: true, thickness: 0.35 } },
    };
    const trace = { cartoon: { style: 'trace', thickness: 0.42, colorfunc: paint } };
    this.styleOf = (atom) =>
      data.traced.includes(atom.chain) && data.style !== 'sphere' ? trace : styles[data.style];
    const polymer = (atom) => atom.row >= 0 && this.isShown(atom);
    viewer.removeAllSurfaces();
    viewer.setStyle({}, {});
    const isTraced = (atom) => data.traced.includes(atom.chain) && data.style !== 'sphere';
    viewer.setStyle({ predicate: (atom) => polymer(atom) && !isTraced(atom) }, styles[data.style]);
    viewer.setStyle({ predicate: (atom) => polymer(atom) && isTraced(atom) }, trace);
    if (data.ligands) {
      const ligand = (atom) => atom.row < 0 && this.isShown(atom);
      viewer.setStyle({ predicate: (atom) => ligand(atom) && atom.bonds.length > 0 }, { stick: { radius: 0.2 } });
      viewer.setStyle({ predicate: (atom) => ligand(atom) && atom.bonds.length === 0 }, { sphere: { radius: 0.8 } });
    }
    if (data.side_chains && (data.style === 'cartoon' || data.style === 'surface')) {
      const isSide = (atom) => polymer(atom) && !MAIN_CHAIN.has(atom.atom);
      viewer.addStyle({ predicate: isSide }, { stick: { radius: 0.13, colorfunc: carbons } });
    }
    if (data.style === 'surface') this.addSurface(polymer, paint);
  }

  // Names and numbers as in the file; of long chains every so many residues, so that they can be read.
  drawLabels() {
    const { viewer, data } = this;
    viewer.removeAllLabels();
    if (!data.labels) return;
    const rows = this.anchors.map((anchor, row) => [anchor, row]).filter(([anchor]) => anchor && this.isShown(anchor));
    const step = Math.ceil(rows.length / MAX_LABELS);
    const dark = inkOn(this.ground()) === '#ffffff';
    rows.forEach(([anchor, row], place) => {
      if (place % step) return;
      viewer.addLabel(`${data.names[row]} ${data.numbers[row]}`, {
        position: anchor, fontSize: 11, inFront: true, alignment: 'center',
        fontColor: dark ? '#f5f5f5' : '#1c2523', backgroundColor: dark ? '#000000' : '#ffffff', backgroundOpacity: 0.55,
      });
    });
  }

  addSurface(polymer, paint) {
    const shown = this.viewer.selectedAtoms({ predicate: polymer });
    this.notice = '';
    if (shown.length > MAX_SURFACE_ATOMS) {
      this.notice = `A surface of ${shown.length.toLocaleString('en')} atoms takes too long; choose one chain.`;
      return;
    }
    this.viewer.addSurface(
      this.lib.SurfaceType.VDW, { opacity: 0.82, colorfunc: paint }, { predicate: polymer }, { predicate: polymer },
    );
  }

  // The longest axis lies horizontal, where the stage has most room.
  zoomHome() {
    this.viewer.setView([0, 0, 0, 0, ...this.data.orientation], true);
    this.viewer.zoomTo({ predicate: (atom) => atom.row >= 0 && this.isShown(atom) });
    this.viewer.zoom(1.05);
    this.viewer.render();
  }

  drawLegend() {
    const { legend } = this.data;
    const box = this.find('.legend');
    box.replaceChildren(element('div', 'title', legend.title));
    if (legend.is_gradient) {
      const ramp = element('div', 'ramp');
      ramp.style.background = `linear-gradient(to right, ${legend.entries.map((entry) => entry[0]).join(', ')})`;
      const ends = element('div', 'ends');
      legend.entries.filter((entry) => entry[1]).forEach((entry) => ends.append(element('span', '', entry[1])));
      box.append(ramp, ends);
    } else {
      legend.entries.forEach(([colour, text]) => {
        const entry = element('div', 'entry');
        const swatch = element('span', 'swatch');
        swatch.style.background = colour;
        entry.append(swatch, element('span', '', text));
        box.append(entry);
      });
    }
    if (legend.note) box.append(element('div', '', legend.note));
    if (this.notice && this.data.style === 'surface') box.append(element('div', '', this.notice));
  }

  drawStrip() {
    const { data } = this;
    const strip = this.find('.strip');
    strip.replaceChildren();
    this.letters = [];
    if (!data.letters) return; // a small molecule alone has no sequence
    const chains = [...new Set(data.chains)].filter((chain) => data.chain === null || chain === data.chain);
    const total = data.chains.filter((chain) => chains.includes(chain)).length;
    if (total > MAX_STRIP) {
      strip.append(element('div', '', `${total.toLocaleString('en')} residues: choose one chain to read its sequence.`));
      return;
    }
    chains.forEach((chain) => this.drawChain(strip, chain));
  }

  drawChain(strip, chain) {
    const { data } = this;
    const rows = data.chains.flatMap((name, row) => (name === chain ? [row] : []));
    const ends = element('div', 'ends');
    const [first, last] = [rows[0], rows[rows.length - 1]];
    ends.append(
      element('b', '', `Chain ${chain}`),
      element('span', '', `${data.names[first]} ${data.numbers[first]} to ${data.names[last]} ${data.numbers[last]}`),
      element('span', '', `${rows.length.toLocaleString('en')} residues`),
    );
    const letters = element('div', 'letters');
    let ten = null;
    rows.forEach((row, k) => {
      if (k % 10 === 0) {
        ten = element('span', 'ten');
        ten.append(element('small', '', data.numbers[row]));
        letters.append(ten);
      }
      const letter = element('i', '', data.letters[row]);
      letter.dataset.row = row;
      letter.style.background = data.colours[row];
      letter.style.color = inkOn(data.colours[row]);
      ten.append(letter);
      this.letters[row] = letter;
    });
    strip.append(ends, letters);
  }

  connectStrip() {
    const strip = this.find('.strip');
    const rowOf = (event) => (event.target.dataset?.row === undefined ? null : Number(event.target.dataset.row));
    strip.addEventListener('mouseover', (event) => {
      const row = rowOf(event);
      this.point(row === null ? null : this.anchors[row] ?? null, true);
    });
    strip.addEventListener('mouseleave', () => this.point(null, true));
    strip.addEventListener('click', (event) => {
      const row = rowOf(event);
      if (row !== null) this.pick(this.anchors[row] ?? { row });
    });
    strip.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const shown = Object.keys(this.letters).map(Number);
      const place = shown.indexOf(this.selected ?? -1);
      const row = place < 0 ? shown[0] : shown[place + step];
      if (row !== undefined && row !== this.selected) this.pick(this.anchors[row] ?? { row });
    });
  }

  say(atom) {
    const { data } = this;
    if (!data.letters) return `${data.names[0]}, ${atom.elem}`;
    if (atom.row < 0) return `${atom.resn} ${atom.resi} (chain ${atom.chain}), atom ${atom.atom}`;
    const value = data.values[atom.row];
    return `${data.names[atom.row]} ${data.numbers[atom.row]} (chain ${atom.chain})${value ? ' · ' + value : ''}`;
  }

  // Show the label of an atom; from the strip also a ball in the 3D view, since the mouse is elsewhere.
  point(atom, isFromStrip = false) {
    const tip = this.find('.tip');
    if (this.pointer) this.viewer.removeShape(this.pointer);
    this.pointer = null;
    tip.hidden = !atom || atom.x === undefined;
    if (!tip.hidden) {
      tip.textContent = this.say(atom);
      const box = this.stage.getBoundingClientRect();
      const at = this.viewer.modelToScreen(atom);
      const x = at.x - box.left - window.scrollX;
      tip.style.left = `${Math.min(Math.max(x, 90), box.width - 90)}px`;
      tip.style.top = `${Math.max(at.y - box.top - window.scrollY, 40)}px`;
      if (isFromStrip) this.pointer = this.ball(atom, 0.55);
    }
    if (isFromStrip) this.viewer.render();
  }

  ball(atom, opacity) {
    const accent = hexOf(getComputedStyle(this.find('.legend')).color);
    return this.viewer.addSphere({ center: { x: atom.x, y: atom.y, z: atom.z }, radius: 1.7, color: accent, opacity });
  }

  pick(atom) {
    const isAgain = atom.row >= 0 && atom.row === this.selected;
    this.point(null);
    this.select(isAgain || atom.row < 0 ? null : atom.row);
    if (isAgain) return this.tell({ row: null });
    const { data } = this;
    const isLigand = atom.row < 0;
    this.clicks = (this.clicks ?? 0) + 1; // makes the same residue, clicked twice, two events
    this.tell({
      click: this.clicks,
      row: atom.row,
      chain: isLigand ? atom.chain : data.chains[atom.row],
      resi: isLigand ? String(atom.resi) : data.numbers[atom.row],
      resn: isLigand ? atom.resn : data.names[atom.row],
      b: isLigand ? atom.b ?? null : data.b[atom.row],
    });
  }

  select(row) {
    if (row !== this.selected) {
      const same = (atom) => atom.row === this.selected;
      const anchor = this.anchors[this.selected];
      if (anchor && this.isShown(anchor)) this.viewer.setStyle({ predicate: same }, this.styleOf(anchor));
      this.letters[this.selected]?.classList.remove('chosen');
    }
    this.selected = row;
    if (this.marker) this.viewer.removeShape(this.marker);
    this.marker = null;
    const anchor = this.anchors[row];
    if (anchor && this.isShown(anchor)) {
      this.viewer.addStyle({ predicate: (atom) => atom.row === row }, { stick: { radius: 0.22 } });
      this.marker = this.ball(anchor, 0.35);
      const letter = this.letters[row];
      letter?.classList.add('chosen');
      letter?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    this.viewer.render();
  }

  press(what, button) {
    if (what === 'reset') this.zoomHome();
    if (what === 'in') this.viewer.zoom(1.25);
    if (what === 'out') this.viewer.zoom(0.8);
    if (what === 'spin') {
      const isOn = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', isOn);
      this.viewer.spin(isOn ? 'y' : false, 0.6);
    }
    if (what === 'picture2') this.savePicture(2);
    if (what === 'picture4') this.savePicture(4);
  }

  // The canvas is enlarged for one frame; labels and legend stand beside it and are not in the picture.
  savePicture(scale) {
    const { viewer } = this;
    const canvas = viewer.getCanvas();
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const factor = (scale * width) / canvas.width; // the canvas has more pixels than the screen already
    viewer.setWidth(Math.round(width * factor));
    viewer.setHeight(Math.round(height * factor));
    viewer.render();
    const link = element('a');
    link.href = viewer.pngURI();
    link.download = `${this.data.file_stem}.png`;
    viewer.resize();
    viewer.render();
    link.click();
  }

  dispose() {
    this.leaveLink();
    this.viewer.spin(false);
    this.viewer.removeAllModels();
    this.viewer.getCanvas().getContext('webgl2')?.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

function showMessage(root, text) {
  const box = root.querySelector('.message');
  box.textContent = text;
  box.hidden = text === '';
}

export default function draw({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector('.viewer');
  library()
    .then(($3Dmol) => {
      root.__view ??= new StructureView($3Dmol, root);
      root.__view.tell = (residue) => setStateValue('residue', residue);
      root.__view.update(data);
      showMessage(root, '');
      root.dataset.ready = 'yes';
    })
    .catch((error) => {
      const isScript = !window.$3Dmol;
      showMessage(
        root,
        isScript
          ? 'The 3D viewer script (static/3Dmol-min.js) could not be loaded. Reload the page; if it stays away, ' +
              'start the server with enableStaticServing.'
          : `The 3D view could not be drawn (${error.message}). It needs WebGL: switch on hardware acceleration in ` +
              'the browser, or open the page in another one.',
      );
      root.dataset.ready = 'failed';
    });
  return () => {
    if (!root.isConnected && root.__view) {
      root.__view.dispose();
      root.__view = undefined;
    }
  };
}
