//! `google.protobuf.Timestamp`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const SECONDS_A_DAY: i64 = 86_400;
const NANOS_A_SECOND: u32 = 1_000_000_000;
/// 0001-01-01T00:00:00Z
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;

/// A point in time, UTC, to the nanosecond, years 0001 to 9999.
///
/// Written as RFC 3339 with `Z` and three, six or nine fraction digits, as many as needed. Read
/// with any offset, which is normalised to UTC, and up to nine fraction digits; a leap second is
/// read as the second before it, which protobuf can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    /// Counted forward from `seconds`, also before 1970.
    nanos: u32,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };

    /// 0001-01-01T00:00:00Z
    const MIN: Self = Self { seconds: FIRST_SECOND, nanos: 0 };

    /// 9999-12-31T23:59:59.999999999Z
    const MAX: Self = Self { seconds: LAST_SECOND, nanos: NANOS_A_SECOND - 1 };

    /// From milliseconds since the Unix epoch; out of range is `None`.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let nanos = i32::try_from(millis.rem_euclid(1000)).ok()?.checked_mul(1_000_000)?;
        Self::from_parts(millis.div_euclid(1000), nanos)
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub fn as_millis(self) -> i64 {
        self.seconds * 1000 + i64::from(self.nanos / 1_000_000)
    }

    /// Nanoseconds since the Unix epoch.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS_A_SECOND) + i128::from(self.nanos)
    }

    /// Seconds since the Unix epoch, and nanoseconds to add to them, as protobuf has them.
    pub fn parts(self) -> (i64, i32) {
        (self.seconds, self.nanos.cast_signed())
    }

    /// From seconds since the Unix epoch, and nanoseconds to add to them; out of range is `None`.
    pub fn from_parts(seconds: i64, nanos: i32) -> Option<Self> {
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < NANOS_A_SECOND)?;
        (FIRST_SECOND..=LAST_SECOND).contains(&seconds).then_some(Self { seconds, nanos })
    }

    /// The time `duration` later, at most the end of year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = self.nanos + duration.subsec_nanos();
        i64::try_from(duration.as_secs())
            .ok()
            .and_then(|seconds| self.seconds.checked_add(seconds))
            .and_then(|seconds| seconds.checked_add(i64::from(nanos / NANOS_A_SECOND)))
            .and_then(|seconds| Self::from_parts(seconds, (nanos % NANOS_A_SECOND).cast_signed()))
            .unwrap_or(Self::MAX)
    }

    /// The time `duration` earlier, at least the beginning of year 1.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::MIN.plus(self.since(Self::MIN).saturating_sub(duration))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        let at = |time: Self| Duration::new(time.seconds.abs_diff(FIRST_SECOND), time.nanos);
        at(self).saturating_sub(at(earlier))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Timestamp {
    /// Hands over the text without allocating: every status of every task is written with one.
    fn text<T>(self, write: impl FnOnce(&str) -> T) -> T {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_A_DAY));
        let second = self.seconds.rem_euclid(SECONDS_A_DAY);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], second / 3600);
        digits(&mut text[14..16], second / 60 % 60);
        digits(&mut text[17..19], second % 60);
        digits(&mut text[20..29], i64::from(self.nanos));
        let end = match self.nanos {
            nanos if nanos % 1_000_000 == 0 => 23,
            nanos if nanos % 1_000 == 0 => 26,
            _ => 29,
        };
        text[end] = b'Z';
        write(std::str::from_utf8(&text[..=end]).unwrap_or_default())
    }
}

/// Fills the places with the decimal digits of a number that has no more of them.
fn digits(places: &mut [u8], mut number: i64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// The text is not an RFC 3339 date and time of years 0001 to 9999.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotATimestamp;

impl fmt::Display for NotATimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 time such as 2026-01-31T12:00:00.000Z")
    }
}

impl std::error::Error for NotATimestamp {}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        parse(text.as_bytes()).ok_or(NotATimestamp)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't', rest_of_time @ ..] = date_time else {
        return None;
    };
    let [h0, h1, b':', n0, n1, b':', s0, s1] = rest_of_time else {
        return None;
    };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let month = number(&[*m0, *m1]).filter(|month| (1..=12).contains(month))?;
    let day = number(&[*d0, *d1]).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let hour = number(&[*h0, *h1]).filter(|hour| *hour <= 23)?;
    let minute = number(&[*n0, *n1]).filter(|minute| *minute <= 59)?;
    let second = number(&[*s0, *s1]).filter(|second| *second <= 60)?.min(59);
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    Timestamp::from_parts(seconds - offset(zone)?, nanos)
}

/// `.` and one to nine digits, or nothing; as nanoseconds, with what follows.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let missing = u32::try_from(9_usize.checked_sub(length)?).ok()?;
    let (digits, rest) = text.split_at_checked(length)?;
    let nanos = number(digits)? * 10_i64.pow(missing);
    Some((i32::try_from(nanos).ok()?, rest))
}

/// `Z`, or hours and minutes ahead of UTC; in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let hours = number(&[*h0, *h1]).filter(|hours| *hours <= 23)?;
            let minutes = number(&[*m0, *m1]).filter(|minutes| *minutes <= 59)?;
            let seconds = hours * 3600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// A number of one to nine decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<i64> {
    let fits = (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the Unix epoch of a date of the Gregorian calendar. Years are counted from March, so
/// that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (month * 153 + 2) / 5;
    before_year + before_month + day - 1 - DAYS_TO_EPOCH
}

/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    // Days of the era without its leap days give the year of the era.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let day = day - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time such as 2026-01-31T12:00:00.000Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_in_utc() {
        for (text, written) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.600Z"),
            ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"),
            ("2026-01-02T03:04:05.6789012Z", "2026-01-02T03:04:05.678901200Z"),
            ("2026-01-02t03:04:05.123456789z", "2026-01-02T03:04:05.123456789Z"),
            ("2026-01-01T00:30:00.5+01:00", "2025-12-31T23:30:00.500Z"),
            ("2025-12-31T23:30:00-01:45", "2026-01-01T01:15:00.000Z"),
            ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000Z"),
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000Z"),
            ("2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ] {
            let time: Timestamp = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(time.to_string(), written, "{text}");
            assert_eq!(written.parse(), Ok(time), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "now",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1234567890Z",
            "2026-01-02T03:04:05,5Z",
            "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05+01",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+01:60",
            "2026-01-02T03:04:05Z[UTC]",
            "2026-01-02T03:04:05ZZ",
            " 2026-01-02T03:04:05Z",
            "2026-W01-2T03:04:05Z",
            "2026-00-02T03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-01-00T03:04:05Z",
            "2026-04-31T03:04:05Z",
            "2025-02-29T03:04:05Z",
            "1900-02-29T03:04:05Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T03:60:05Z",
            "2026-01-02T03:04:61Z",
            "+026-01-02T03:04:05Z",
            "20260-01-02T03:04:05Z",
            "0000-01-02T03:04:05Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-01-02T03:04:0٥Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp), "{text:?}");
        }
    }

    #[test]
    fn every_day_of_the_range_keeps_its_date() {
        let (mut year, mut month, mut day) = (1, 1, 1);
        for days in FIRST_SECOND / SECONDS_A_DAY..=LAST_SECOND / SECONDS_A_DAY {
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year, month, day), days);
            day += 1;
            if day > days_in(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn numbers_count_forward_also_before_1970() {
        let time = Timestamp::from_millis(-1).expect("in range");
        assert_eq!((time.parts(), time.as_millis(), time.as_nanos()), ((-1, 999_000_000), -1, -1_000_000));
        assert_eq!(Timestamp::from_parts(-1, 999_000_000), Some(time));
        assert_eq!(Timestamp::from_parts(-1, 999_999_999).map(Timestamp::as_millis), Some(-1));
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (FIRST_SECOND - 1, 0), (LAST_SECOND + 1, 0)] {
            assert_eq!(Timestamp::from_parts(seconds, nanos), None);
        }
        for millis in [i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::from_millis(millis), None);
        }
    }

    #[test]
    fn sums_stop_at_the_ends() {
        let epoch = Timestamp::UNIX_EPOCH;
        let later = epoch.plus(Duration::new(1, 999_999_999)).plus(Duration::from_nanos(1));
        assert_eq!(later.parts(), (2, 0));
        assert_eq!(later.since(epoch), Duration::from_secs(2));
        assert_eq!(epoch.since(later), Duration::ZERO);
        let before = Timestamp::from_millis(-1500).expect("in range");
        assert_eq!(epoch.since(before), Duration::from_millis(1500));
        assert_eq!(epoch.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.plus(Duration::from_nanos(1)), Timestamp::MAX);
        assert_eq!(epoch.minus(Duration::from_millis(1500)), before);
        assert_eq!(Timestamp::MAX.minus(Timestamp::MAX.since(epoch)), epoch);
        assert_eq!(epoch.minus(Duration::MAX), Timestamp::MIN);
    }
}
