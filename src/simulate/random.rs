//! Random numbers that stay the same on every machine and for every size of the fleet.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// What a stream of random numbers is for. Streams of one machine do not disturb each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Plant = 1,
    Fault = 2,
    Fleet = 3,
    Build = 4,
    Dirt = 5,
}

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    generator: Pcg64Mcg,
}

impl Stream {
    pub(super) fn new(seed: u64, machine: u32, purpose: Purpose) -> Self {
        // Hashed, because generators seeded with neighbouring numbers start out alike.
        let low = mix(seed ^ mix((u64::from(machine) << 8) | purpose as u64));
        let high = mix(low ^ seed);
        let seed = (u128::from(high) << 64) | u128::from(low);
        Self { generator: Pcg64Mcg::from_seed(seed.to_le_bytes()) }
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [`low`, `high`).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Nearly normal with mean 0 and deviation 1: the sum of the four quarters of one random word. It is
    /// bounded by 3.5 and takes no transcendental function, so it is fast and exact everywhere.
    pub(super) fn normal(&mut self) -> f64 {
        let word = self.generator.next_u64();
        let sum = (word & 0xffff) + ((word >> 16) & 0xffff) + ((word >> 32) & 0xffff) + (word >> 48);
        const DEVIATION: f64 = 65_536.0 * 0.577_350_269_189_625_8;
        (sum as f64 - 2.0 * 65_535.0) / DEVIATION
    }
}

/// The output function of SplitMix64: every bit of the input changes half of the bits of the output.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A quantity that wanders around zero: an AR(1) process of deviation `sd` and time constant `tau`.
#[derive(Debug, Clone)]
pub(super) struct Wander {
    pub(super) value: f64,
    sd: f64,
    tau: f64,
}

impl Wander {
    /// Starts at a random place. `tau` is in seconds.
    pub(super) fn new(sd: f64, tau: f64, stream: &mut Stream) -> Self {
        Self { value: sd * stream.normal(), sd, tau }
    }

    /// Goes on by `dt` seconds. To first order in `dt / tau`, which spares an exponential: the steps are at
    /// most a minute and the time constants far longer.
    pub(super) fn advance(&mut self, dt: f64, stream: &mut Stream) {
        let ratio = (dt / self.tau).min(1.0);
        self.value += -ratio * self.value + self.sd * (ratio * (2.0 - ratio)).sqrt() * stream.normal();
    }
}
