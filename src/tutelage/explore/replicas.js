"use strict";
// Replicas of the chain side by side, on one teacher or on two, as a worker runs them.

const Replicas = (() => {
  /** One replica on two teachers, one after the other: twin of tutelage.continual's chain for two phases.
   *
   * The frame is that of the units of both; the task that is not taught has no readout, and its head rests. */
  class Course {
    /** `begin`: Q, R, T, heads (2, K), readouts (2, F); `switchAt`: the steps of the first phase. */
    constructor(models, begin, switchAt, N, seed, number) {
      this.models = models;
      this.heads = begin.heads.map((head) => Float64Array.from(head));
      this.left = switchAt;
      this.replica = new Chain.Replica(models[0], Dynamics.vector(begin.R, begin.Q, begin.heads[0]), N, seed, number);
      this.replica.teach(models[0], this.heads[0]);
    }

    walk(steps) {
      const some = Math.min(steps, this.left);
      this.replica.walk(some);
      this.left -= some;
      if (steps === some) return;
      this.replica.teach(this.models[1], this.heads[1]);
      this.left = Infinity;
      this.walk(steps - some);
    }

    /** The errors on both tasks. */
    errors() {
      return this.models.map((m, task) => Dynamics.error(this.replica.state(this.heads[task]), m));
    }
  }

  /** Replicas that go from one time to the next. As all have passed one, `done(index, errors)` gets their errors, a
   * list for each task. */
  class Group {
    constructor(replicas, targets, done) {
      Object.assign(this, { replicas, targets, done, index: 0, which: 0, walked: 0, errors: [] });
      this.total = targets.at(-1) * replicas.length;
      this.spent = 0;
    }

    get fraction() {
      return this.total > 0 ? this.spent / this.total : 1;
    }

    get finished() {
      return this.index === this.targets.length;
    }

    /** Walk until `until` (of performance.now) has passed, or to the end. */
    advance(until) {
      while (!this.finished) {
        const left = this.targets[this.index] - this.walked, steps = Math.min(left, 1000);
        this.replicas[this.which].walk(steps);
        this.walked += steps;
        this.spent += steps;
        if (steps === left) this.pass();
        if (performance.now() > until) return;
      }
    }

    pass() { // the next replica, or the next time
      this.errors.push(this.replicas[this.which].errors());
      this.which++;
      if (this.which === this.replicas.length) {
        this.done(this.index, this.errors[0].map((_, task) => this.errors.map((each) => each[task])));
        this.errors = [];
        this.which = 0;
        this.index++;
      }
      this.walked = this.index > 0 ? this.targets[this.index - 1] : 0;
    }
  }

  /** The group of a job, which a message can hold: { rule, begin, N, times, seed, replicas }, for two teachers also
   * `phases`, their lengths; `post` gets { index, errors } for each time that all have passed. */
  function of(job, post) {
    const { rule, begin, N, times, seed, phases } = job, K = begin.Q.length;
    const models = (phases ? begin.readouts : [begin.vStar]).map((v) => Dynamics.makeModel(rule, K, begin.T, v));
    const made = (_, number) => (phases
      ? new Course(models, begin, Math.round(phases[0] * N), N, seed, number)
      : new Chain.Replica(models[0], Dynamics.vector(begin.R, begin.Q, begin.v), N, seed, number));
    return new Group(Array.from({ length: job.replicas }, made), times.map((alpha) => Math.round(alpha * N)),
      (index, errors) => post({ index, errors }));
  }

  /** In a worker: run to the end, and say how far it is. */
  function work(job, post) {
    const group = of(job, post);
    while (!group.finished) {
      group.advance(performance.now() + 100);
      post({ fraction: group.fraction, steps: group.spent });
    }
    post({ finished: true });
  }

  return { Course, of, work };
})();
