"use strict";
// Two teachers, one after the other: twin of tutelage.continual.solve for two phases and a head for each task.
//
// Fields are those of the student and of both teachers; the task that is not taught has no readout, and its head rests.

class Switch {
  /** `begin`: Q, R, T, heads (2, K), readouts (2, F); `times`: of both phases, from the beginning of the first. */
  constructor(rule, begin, phases, times) {
    const K = begin.Q.length;
    this.begin = begin;
    this.models = begin.readouts.map((row) => Dynamics.makeModel(rule, K, begin.T, row));
    this.times = times;
    this.phases = phases;
    this.heads = begin.heads.map((head) => [...head]);
    this.done = []; // states of the first phase
    this.phase = 0;
    this.run = this.leg(Dynamics.vector(begin.R, begin.Q, this.heads[0]));
  }

  leg(start) {
    const before = this.phase === 0 ? 0 : this.phases[0];
    const run = new Dynamics.Run(this.models[this.phase], start, this.times[this.phase].map((t) => t - before));
    run.watched = false; // the other task's error is that of overlaps
    return run;
  }

  get status() {
    return this.run.status;
  }

  get alpha() {
    return (this.phase === 0 ? 0 : this.phases[0]) + this.run.alpha;
  }

  advance(until = Infinity) {
    const { FINISHED, RUNNING } = Dynamics;
    if (this.run.advance(until) !== FINISHED || this.phase === 1) return this.status;
    const K = this.begin.Q.length, end = this.run.states.at(-1);
    this.done = this.run.states.map((y) => this.kept(y, 0));
    this.heads[0] = [...end.slice(end.length - K)];
    this.phase = 1;
    const start = end.slice();
    start.set(this.heads[1], end.length - K);
    this.run = this.leg(start);
    return this.run.status === RUNNING && !(performance.now() > until) ? this.advance(until) : this.status;
  }

  /** A state with both heads, and the errors on both tasks. */
  kept(y, taught) {
    const K = this.begin.Q.length, at = y.length - K, heads = this.heads.map((head) => [...head]);
    heads[taught] = [...y.slice(at)];
    const errors = this.models.map((m, task) => {
      const here = y.slice();
      here.set(heads[task], at);
      return Dynamics.error(here, m);
    });
    return { y, heads, errors };
  }

  /** What has been passed so far. */
  get states() {
    return this.phase === 0 ? this.run.states.map((y) => this.kept(y, 0))
      : [...this.done, ...this.run.states.map((y) => this.kept(y, 1))];
  }
}
