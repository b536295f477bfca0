//! gzip for large replies.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response, header};

use crate::Body;

/// Compresses a reply of at least `from` bytes if the caller takes gzip. Streams are left alone, and
/// so is what has an ETag, which names the bytes as they are.
pub(crate) fn apply(request: &HeaderMap, response: &mut Response<Body>, from: usize) {
    let Some(bytes) = response.body().as_bytes().filter(|bytes| bytes.len() >= from.max(1)) else { return };
    if response.headers().contains_key(header::ETAG) {
        return;
    }
    let compressed = if accepts_gzip(request) { gzip(bytes) } else { None };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(compressed) = compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = compressed.into();
    }
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// RFC 9110 section 12.5.3: a weight of 0 refuses, a name counts more than `*`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for option in values.flat_map(|value| value.split(',')) {
        let (coding, weight) = option.split_once(';').unwrap_or((option, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        let accepted = weight.unwrap_or(0.0) > 0.0;
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") => return accepted,
            "*" => any = accepted,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_by_name_or_by_any() {
        for (value, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("*, gzip;q=0", false),
            ("*;q=0", false),
            ("identity", false),
            ("gzip;q=x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), accepted, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
