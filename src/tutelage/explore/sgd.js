"use strict";
// SGD at finite N beside the curves of either tab: its controls, its worker, how far it is, and the band it draws.

class Simulated extends View {
  /** Fill the form; `hint` says from where N may go. */
  buildChain(hint) {
    Controls.build(this.find("form.chain"), [{ controls: [
      { name: "N", label: "N of SGD", hint, min: 10, max: 1e9, log: true, most: 1e9, least: 1, whole: true },
      { name: "replicas", label: "runs", hint: "the band is mean ± standard deviation", least: 1, most: 1000,
        whole: true },
      { name: "chainSeed", label: "seed of SGD", hint: "of the examples", ...SEED }] }], this.setting,
    () => { this.drop(); this.draw(); });
  }

  /** Forget what has been run: it was another setting's. */
  drop() {
    this.stop();
    this.sgd = null;
    this.say("");
  }

  say(text) {
    this.find(".chain-status").textContent = text;
  }

  /** Of the tabs: `phases`, lists of times; `least`, the smallest N and its name; `job`, what else a worker needs. */
  simulate() {
    const { setting: s } = this, { phases, least, job } = this.plan();
    this.stop();
    if (!job.begin) return;
    if (s.N < least.count) return this.say(`N must be at least ${least.name} = ${least.count}`);
    const times = Setting.chainTimes(phases, s.N);
    if (!phases.every((phase) => times.includes(phase.at(-1)))) {
      return this.say("there is no step before the last α; a larger N or α gives some");
    }
    const total = Math.round(times.at(-1) * s.N) * s.replicas, began = performance.now(), tasks = job.phases ? 2 : 1;
    const sgd = this.sgd = { N: s.N, alpha: [], errors: Setting.range(tasks).map(() => []) };
    this.find('[data-do="stop"]').disabled = false;
    this.find("progress").hidden = false;
    this.find("progress").value = 0;
    this.say(`${Plot.words(total, 2)} steps`);
    const given = { ...job, rule: { ...s, start: null }, N: s.N, times, seed: s.chainSeed, replicas: s.replicas };
    this.worker = startWork(given, (message) => {
      if (this.sgd !== sgd) return;
      if (message.errors) {
        sgd.alpha.push(times[message.index]);
        message.errors.forEach((errors, task) => sgd.errors[task].push(errors));
      } else if (message.finished) {
        this.stop();
        this.say(`${Plot.words(total, 2)} steps in ${Plot.words((performance.now() - began) / 1000, 2)} s`);
      } else {
        this.find("progress").value = message.fraction;
        this.say(progress(message.steps, total, performance.now() - began));
      }
      cancelAnimationFrame(this.redraw);
      this.redraw = requestAnimationFrame(() => this.draw());
    });
  }

  stop() {
    const said = this.find(".chain-status").textContent;
    if (this.worker) this.say(said.replace(/, [^,]*$/, "; stopped"));
    this.worker?.stop();
    this.worker = null;
    this.find('[data-do="stop"]').disabled = true;
    this.find("progress").hidden = true;
  }

  /** Mean and standard deviation over runs of a task's errors at all times that have been passed. */
  statistics(task) {
    return statistics(this.sgd.errors[task]);
  }

  /** Mean and standard deviation of each task as columns of a table over `alpha`, empty where SGD was not looked at. */
  chainColumns(names, alpha) {
    const at = alpha.map((t) => this.sgd.alpha.indexOf(t));
    return Object.fromEntries(names.flatMap((name, task) => {
      const { mean, sd } = this.statistics(task);
      return [[`${name}_mean`, at.map((i) => mean[i] ?? null)], [`${name}_std`, at.map((i) => sd[i] ?? null)]];
    }));
  }
}

/** Of rows of numbers, one row a time: { mean, sd }. */
function statistics(rows) {
  const mean = rows.map((row) => row.reduce((a, b) => a + b, 0) / row.length);
  const sd = rows.map((row, i) => (row.length > 1
    ? Math.sqrt(row.reduce((a, b) => a + (b - mean[i]) ** 2, 0) / (row.length - 1)) : 0));
  return { mean, sd };
}

/** The band, mean ± sd at times x, of a colour. */
function bandOf(x, { mean, sd }, style) {
  return { x, low: mean.map((m, i) => m - sd[i]), high: mean.map((m, i) => m + sd[i]), style };
}

function progress(steps, total, milliseconds) {
  const rate = steps / milliseconds * 1000;
  return `${Plot.words(steps, 2)} of ${Plot.words(total, 2)} steps, ${Plot.words(rate, 2)} a second, ${
    duration((total - steps) / rate)} to go`;
}

function duration(seconds) {
  const units = [[31557600, "years"], [86400, "days"], [3600, "h"], [60, "min"], [0, "s"]];
  const [size, name] = units.find(([least]) => seconds >= least) ?? [0, "s"];
  return `${Plot.words(Math.max(seconds / (size || 1), 0), 2)} ${name}`;
}

/** Run the chain in a worker; where the browser gives none, in slices between frames. */
function startWork(job, post) {
  try {
    const text = `${document.getElementById("mathematics").textContent}
onmessage = (event) => Replicas.work(event.data, (message) => postMessage(message));`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" })), worker = new Worker(address);
    worker.onmessage = (event) => post(event.data);
    worker.postMessage(job);
    return { stop: () => { worker.terminate(); URL.revokeObjectURL(address); } };
  } catch {
    const group = Replicas.of(job, post);
    let timer = 0;
    const slice = () => {
      group.advance(performance.now() + 15);
      post(group.finished ? { finished: true } : { fraction: group.fraction, steps: group.spent });
      if (!group.finished) timer = setTimeout(slice, 0);
    };
    timer = setTimeout(slice, 0);
    return { stop: () => clearTimeout(timer) };
  }
}
