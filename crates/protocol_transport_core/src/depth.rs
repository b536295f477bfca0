//! How deeply JSON may be nested.

/// As many levels of objects and arrays a request may have, the outermost one included.
pub const MAX_LEVELS: usize = 128;

/// What is said of a request with more.
pub const TOO_DEEP: &str = "nested too deeply, at most 128 levels are read";

/// Whether valid JSON has more levels of objects and arrays than these.
///
/// Text with few brackets is only counted, not read: a request of 300 bytes takes some 10 ns.
#[must_use]
pub fn exceeds(json: &str, levels: usize) -> bool {
    opening_brackets(json.as_bytes()) > levels && is_deeper(json.as_bytes(), levels)
}

/// Those in texts too. Written so that it is compiled to vector instructions.
fn opening_brackets(json: &[u8]) -> usize {
    // A count of up to 255 fits into the lane of one byte.
    let count = |chunk: &[u8]| chunk.iter().fold(0_u8, |count, byte| count.wrapping_add(u8::from(byte | 0x20 == b'{')));
    json.chunks(128).map(|chunk| usize::from(count(chunk))).sum()
}

fn is_deeper(json: &[u8], levels: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                if depth > levels {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_brackets_in_texts_are_not() {
        let nested = |open: &str, levels: usize, close: &str| open.repeat(levels) + "1" + &close.repeat(levels);
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"\"{[":"#, "}]")] {
            let each = if open.starts_with("[{") { 2 } else { 1 };
            for (levels, deeper) in [(127, false), (128, false), (129, true), (100_000, true)] {
                let json = nested(open, levels, close);
                assert_eq!(exceeds(&json, MAX_LEVELS * each), deeper, "{open} {levels}");
            }
        }
        for flat in [
            "[1],".repeat(1000),
            format!(r#"["{}"]"#, "[{".repeat(1000)),
            format!(r#"["{}"]"#, r#"\"["#.repeat(1000)),
            format!(r#"["{}"]"#, "]}".repeat(1000)),
        ] {
            assert!(!exceeds(&flat, 2), "{flat}");
        }
        assert!(exceeds(r#"["\\",["]"],[[1]]]"#, 2));
    }
}
