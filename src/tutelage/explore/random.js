"use strict";
// Random numbers: NumPy's, so that a seed means here what it means there, and quick ones for the chain.
//
// numpy.random.default_rng(seed).standard_normal is SeedSequence, PCG64 (O'Neill 2014) and a ziggurat of 256 layers
// (Marsaglia and Tsang 2000). The chain draws from xoshiro128** (Blackman and Vigna 2021), by the same ziggurat.

const Random = (() => {
  /** The first `count` words of numpy.random.SeedSequence(seed, spawn_key=key).generate_state. */
  function seedWords(seed, key, count) {
    const words = [];
    for (let left = BigInt(seed); words.length === 0 || left > 0n; left >>= 32n) words.push(Number(left & 0xffffffffn));
    if (key.length) while (words.length < 4) words.push(0);
    words.push(...key);
    const pool = [];
    let constant = 0x43b0d7e5;
    const hash = (value) => {
      value ^= constant;
      constant = Math.imul(constant, 0x931e8875);
      value = Math.imul(value, constant);
      return value ^ (value >>> 16);
    };
    const mix = (x, y) => {
      const both = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y) | 0;
      return both ^ (both >>> 16);
    };
    for (let i = 0; i < 4; i++) pool.push(hash(i < words.length ? words[i] : 0));
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
    for (let from = 4; from < words.length; from++) {
      for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(words[from]));
    }
    constant = 0x8b51f9dd;
    return Array.from({ length: count }, (_, i) => {
      let value = pool[i % 4] ^ constant;
      constant = Math.imul(constant, 0x58f38ded);
      value = Math.imul(value, constant);
      return (value ^ (value >>> 16)) >>> 0;
    });
  }

  /** PCG64 as NumPy seeds it; next() gives two words of 32 bits, the upper in .high and the lower in .low. */
  class Pcg {
    constructor(seed) {
      const w = seedWords(seed, [], 8).map(BigInt), number = (i) => w[i] | (w[i + 1] << 32n);
      this.increment = ((number(4) << 64n | number(6)) << 1n | 1n) & FULL;
      this.state = 0n;
      this.turn();
      this.state = (this.state + (number(0) << 64n | number(2))) & FULL;
      this.turn();
    }

    turn() {
      this.state = (this.state * 0x2360ed051fc65da44385df649fccf645n + this.increment) & FULL;
    }

    next() {
      this.turn();
      const both = (this.state >> 64n ^ this.state) & HALF, by = this.state >> 122n;
      const out = (both >> by | both << (64n - by)) & HALF;
      this.high = Number(out >> 32n);
      this.low = Number(out & 0xffffffffn);
    }

    uniform() {
      this.next();
      return (this.high * 2097152 + (this.low >>> 11)) / 9007199254740992;
    }

    normal() {
      this.next(); // 8 bits of layer, 1 of sign, 52 of position, from below
      const position = (this.high & 0x1fffffff) * 8388608 + (this.low >>> 9);
      return ziggurat(this, this.low & 255, this.low >>> 8 & 1, position);
    }
  }

  const HALF = (1n << 64n) - 1n, FULL = (1n << 128n) - 1n;

  class Xoshiro {
    constructor(seed, stream) {
      [this.a, this.b, this.c, this.d] = seedWords(seed, [stream], 4);
      if (!(this.a | this.b | this.c | this.d)) this.a = 1;
    }

    word() {
      const five = Math.imul(this.b, 5), out = Math.imul(five << 7 | five >>> 25, 9) >>> 0, shifted = this.b << 9;
      this.c ^= this.a;
      this.d ^= this.b;
      this.b ^= this.c;
      this.a ^= this.d;
      this.c ^= shifted;
      this.d = this.d << 11 | this.d >>> 21;
      return out;
    }

    uniform() {
      return ((this.word() >>> 5) * 67108864 + (this.word() >>> 6) + 0.5) / 9007199254740992;
    }

    normal() {
      const word = this.word(), layer = word & 255, position = (word >>> 12) * 4294967296 + this.word();
      if (position < inside[layer]) { // here, and not in a call, in 99 of 100
        const x = position * width[layer];
        return word & 256 ? -x : x;
      }
      return ziggurat(this, layer, word >>> 8 & 1, position);
    }

    /** The length of a normal vector in `freedom` >= 1 dimensions (Marsaglia and Tsang 2000). */
    chi(freedom) {
      if (freedom === 1) return Math.abs(this.normal());
      const d = 0.5 * freedom - 1 / 3, c = 1 / Math.sqrt(9 * d);
      for (;;) {
        const x = this.normal(), root = 1 + c * x, cube = root * root * root, u = this.uniform();
        if (root <= 0) continue;
        if (u < 1 - 0.0331 * (x * x) * (x * x) || Math.log(u) < 0.5 * x * x + d * (1 - cube + Math.log(cube))) {
          return Math.sqrt(2 * d * cube);
        }
      }
    }
  }

  const EDGE = 3.654152885361009, PARTS = 2 ** 52; // where the tail begins, and steps in a layer
  const width = new Float64Array(256), inside = new Float64Array(256), height = new Float64Array(256);

  function fillTables() {
    const bell = (x) => Math.exp(-0.5 * x * x), base = 8.68362706080130616677e-16 * PARTS, area = base * bell(EDGE);
    let x = EDGE;
    width[0] = base / PARTS;
    inside[0] = EDGE / base * PARTS;
    height[0] = 1;
    for (let layer = 255; layer > 0; layer--) {
      width[layer] = x / PARTS;
      height[layer] = bell(x);
      const before = layer > 1 ? Math.sqrt(-2 * Math.log(area / x + bell(x))) : 0;
      inside[layer] = before / x * PARTS;
      x = before;
    }
  }

  fillTables();

  function ziggurat(source, layer, sign, position) {
    for (;;) {
      const x = position * width[layer];
      if (position < inside[layer]) return sign ? -x : x;
      if (layer === 0) {
        for (;;) {
          const far = -Math.log1p(-source.uniform()) / EDGE, along = -Math.log1p(-source.uniform());
          if (2 * along > far * far) return Math.floor(position / 256) % 2 ? -(EDGE + far) : EDGE + far;
        }
      }
      const y = (height[layer - 1] - height[layer]) * source.uniform() + height[layer];
      if (y < Math.exp(-0.5 * x * x)) return sign ? -x : x;
      return source.normal();
    }
  }

  /** numpy.random.default_rng(seed).standard_normal((rows, columns)), up to the last digit. */
  function normals(seed, rows, columns) {
    const source = new Pcg(seed);
    return Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => source.normal()));
  }

  return { seedWords, Xoshiro, normals };
})();
