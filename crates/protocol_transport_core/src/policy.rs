//! Values for time limits and retries. Whoever holds a clock applies them.

use std::time::Duration;

/// How long to wait for a peer.
///
/// There is no limit for a whole exchange, because a stream may rightly last for hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the reply.
    pub first_byte: Duration,
    /// Between two bytes of a reply or a stream.
    pub idle: Duration,
}

/// 10 seconds to connect; 2 minutes to the first byte, since a blocking call replies only when its
/// work is done; 60 seconds idle, which is three keep-alive comments missed if a server sends one
/// every 15 seconds.
impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), first_byte: Duration::from_secs(120), idle: Duration::from_secs(60) }
    }
}

/// How long to wait before each retry: exponential, with full jitter, so that clients that failed
/// together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first retry.
    pub first: Duration,
    /// By how much the longest wait grows with each retry.
    pub factor: u32,
    /// What the longest wait never exceeds.
    pub max: Duration,
    /// How many retries follow the first try; 0 is none.
    pub attempts: u32,
}

/// Three retries, after up to 0.5, 1 and 2 seconds.
impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), factor: 2, max: Duration::from_secs(30), attempts: 3 }
    }
}

impl Backoff {
    /// How long to wait before the next retry, None if it is time to give up. `attempt` is the
    /// number of retries already made, `random` an even choice from 0 to 1.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let growth = self.factor.saturating_pow(attempt);
        let longest = self.first.saturating_mul(growth).min(self.max);
        // A random number out of range, or none at all, gives the longest wait: the careful choice.
        let share = if (0.0..1.0).contains(&random) { random } else { 1.0 };
        let delay = Duration::try_from_secs_f64(longest.as_secs_f64() * share);
        Some(delay.map_or(longest, |delay| delay.min(longest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_secs(1), factor: 3, max: Duration::from_secs(10), attempts: 4 };

    #[test]
    fn the_longest_wait_grows_up_to_its_limit_and_then_ends() {
        let longest: Vec<_> = (0..6).map(|attempt| BACKOFF.delay(attempt, 1.0).map(|delay| delay.as_secs())).collect();
        assert_eq!(longest, [Some(1), Some(3), Some(9), Some(10), None, None]);
    }

    #[test]
    fn jitter_takes_a_share_of_the_longest_wait() {
        assert_eq!(BACKOFF.delay(1, 0.0), Some(Duration::ZERO));
        assert_eq!(BACKOFF.delay(1, 0.5), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn no_value_is_out_of_bounds() {
        let extreme = Backoff { first: Duration::MAX, factor: u32::MAX, max: Duration::MAX, attempts: u32::MAX };
        for random in [0.999_999, 1.0, 2.0, -1.0, f64::NAN, f64::INFINITY] {
            for attempt in [0, 1, u32::MAX - 1] {
                assert!(extreme.delay(attempt, random).is_some());
                assert!(BACKOFF.delay(attempt, random) <= Some(BACKOFF.max));
            }
        }
    }
}
